using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Client;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Attacks;

/// <summary>Servers that do not close, or vanish, as a client meets them over TCP. Rows V34 and V39 of the attack catalogue.</summary>
public sealed class ClientAttackTests
{
    private const string Open =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";

    private readonly ManualTimeProvider _time = new();
    private readonly CountingPool _pool = new();
    private readonly BufferPool _buffers;

    public ClientAttackTests() => _buffers = new BufferPool(_pool);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task V34_Server_that_never_finishes_the_close_is_left_at_its_timeout(bool answers)
    {
        using var server = new RawServer();
        WebSocketConnection client = await ConnectAsync(server);
        Task<CloseResult> closing = client.CloseAsync();
        Assert.Equal(Opcode.Close, await ReadMaskedAsync(server, payload: 2));
        if (answers)
        {
            await server.Client.SendAsync((byte[])[0x88, 0x02, 0x03, 0xE8]); // but its end of TCP stays open
            await Settle.UntilAsync(() => client.Close.Snapshot().ReceivedCode is not null);
        }

        await Settle.UntilAsync(() =>
        {
            _time.Advance(WebSocketConnectionOptions.Default.CloseTimeout);
            return closing.IsCompleted;
        });

        CloseResult result = await closing;
        Assert.Equal((answers, answers ? CloseCode.Normal : null), (result.IsClean, result.ReceivedCode));
        await server.AssertClientEndsAsync();
        await AssertNothingIsLeftAsync(client);
    }

    [Fact]
    public async Task V39_Server_that_has_vanished_is_left_after_the_idle_timeout()
    {
        TimeSpan half = WebSocketConnectionOptions.Default.IdleTimeout / 2;
        using var server = new RawServer();
        WebSocketConnection client = await ConnectAsync(server);
        _time.Advance(half);
        Assert.Equal(Opcode.Ping, await ReadMaskedAsync(server, payload: 0));
        Assert.True(client.IsOpen);
        // No time passes here: that the ping was taken must be known on this side before it is over.
        await Settle.UntilAsync(() => client.BufferedBytes == 0);
        _time.Advance(half);

        CloseResult result = await client.Closed.Soon();
        Assert.Equal(
            (CloseCause.IdleTimeout, CloseCode.GoingAway, "No response from ping frame."), (result.Cause, result.Code, result.Reason));
        await server.AssertClientEndsAsync();
        await AssertNothingIsLeftAsync(client);
    }

    private async Task<WebSocketConnection> ConnectAsync(RawServer server)
    {
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(
            server.Uri, new() { PerMessageDeflate = null, Connection = new() { TimeProvider = _time, Buffers = _buffers } });
        await server.AnswerAsync(Open);
        return await connecting.Soon();
    }

    /// <summary>Reads a masked frame of a known length.</summary>
    private static async Task<Opcode> ReadMaskedAsync(RawServer server, int payload)
    {
        byte[] frame = new byte[6 + payload];
        for (int read = 0; read < frame.Length;)
        {
            int count = await server.Client.ReceiveAsync(frame.AsMemory(read)).Soon();
            Assert.NotEqual(0, count);
            read += count;
        }

        Assert.Equal(0x80 | payload, frame[1]);
        return (Opcode)(frame[0] & 0x0F);
    }

    private async Task AssertNothingIsLeftAsync(WebSocketConnection client)
    {
        await client.DisposeAsync();
        await Settle.UntilAsync(() => _pool.Outstanding == 0 && _buffers.SlabsHeld == 0, () => string.Join("\n\n", _pool.Traces));
    }
}
