using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Compression;

/// <summary>What falls due while a message is being compressed.</summary>
public sealed class LongCompressionTests
{
    private const int Piece = 128 * 1024;

    private static readonly TimeSpan Patience = PerMessageDeflateOptions.Default.IdleRelease;
    private static readonly TimeSpan CloseTimeout = WebSocketConnectionOptions.Default.CloseTimeout;
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    private readonly HeldDeflater _deflater = new();

    [Fact]
    public async Task Z1_Compressor_at_work_when_its_release_is_due_stays_and_is_looked_at_once_more_later()
    {
        await using RawPeer peer = Open(o => o with { IdleTimeout = TimeSpan.Zero });
        _deflater.Release();
        await peer.Connection.SendTextAsync("first");
        await peer.ReadFrameAsync();
        await _deflater.EnteredAsync();
        try
        {
            peer.Time.Advance(Patience - Moment);
            await peer.Connection.SendTextAsync("second");
            await _deflater.EnteredAsync();
            // A sweep that found the compressor due again at once would not come back from here.
            await Task.Run(() => peer.Time.Advance(Moment)).Soon();
            Assert.Equal((true, 0), (peer.Connection.Send.IsHoldingDeflater, _deflater.Overlaps));
        }
        finally
        {
            _deflater.Release();
        }

        await peer.ReadFrameAsync();
        Assert.True(peer.Connection.Send.IsHoldingDeflater);
        peer.Time.Advance(Patience);
        Assert.False(peer.Connection.Send.IsHoldingDeflater);
        Assert.Equal((2, 0), (_deflater.Calls, _deflater.Overlaps));
    }

    [Theory]
    [InlineData(0)] // one frame, which begins to leave when all of it has been compressed
    [InlineData(1024 * 1024)]
    public async Task C3_Close_behind_a_message_waits_while_that_is_being_compressed(int fragmentSize)
    {
        const int Pieces = 5;
        await using RawPeer peer = Open(o => o with { FragmentSize = fragmentSize });
        (Task sent, Task<CloseResult> closing) = await CloseBehindAsync(peer, Pieces);
        for (int i = 1; i < Pieces; i++)
        {
            // Nothing leaves, but it goes on.
            peer.Time.Advance(CloseTimeout - Moment);
            _deflater.Release();
            await _deflater.EnteredAsync();
            peer.Time.Advance(Moment);
            Assert.Equal((0L, false), (peer.Own.BytesSent, closing.IsCompleted));
        }

        _deflater.Release();
        await peer.ReadMessageAsync();
        await sent.Soon();
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        CloseResult result = await closing.Soon();
        Assert.Equal((true, 0L), (result.IsClean, result.UnsentMessages));
        Assert.Equal(Pieces, _deflater.Calls);
    }

    [Fact]
    public async Task C3_Close_behind_a_message_ends_at_the_timeout_where_its_compression_does_not_go_on()
    {
        await using RawPeer peer = Open();
        (Task sent, Task<CloseResult> closing) = await CloseBehindAsync(peer, pieces: 2);
        _deflater.Release();
        await _deflater.EnteredAsync();
        peer.Time.Advance(CloseTimeout);
        Assert.False(closing.IsCompleted);
        peer.Time.Advance(CloseTimeout - Moment);
        Assert.False(closing.IsCompleted);
        peer.Time.Advance(Moment);
        CloseResult result = await closing.Soon();
        Assert.Equal((CloseCause.Local, false, 1L), (result.Cause, result.IsClean, result.UnsentMessages));
        _deflater.Release();
        await Assert.ThrowsAsync<WebSocketClosedException>(() => sent.Soon());
    }

    /// <summary>Sends a message that is compressed in some pieces, of which the first is under way, and closes behind it.</summary>
    private async Task<(Task Sent, Task<CloseResult> Closing)> CloseBehindAsync(RawPeer peer, int pieces)
    {
        var sent = Task.Run(() => peer.Connection.SendAsync(new byte[pieces * Piece]).AsTask());
        await _deflater.EnteredAsync();
        return (sent, peer.Connection.CloseAsync());
    }

    private RawPeer Open(Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure = null) =>
        DeflatedPeer.Open(Role.Server, keepsContext: true, o => o with { Codecs = _deflater.Codecs }, connection: configure);
}
