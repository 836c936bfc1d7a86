using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Server;

/// <summary>What the server expects of a connection that is told to close before it was run: a server that stops in the very moment
/// of an upgrade.</summary>
public sealed class HandOverTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Connection_that_is_closed_before_it_runs_says_so_and_ends(bool withHandler)
    {
        await using RawPeer peer = RawPeer.Create();

        Task<CloseResult> closing = peer.Connection.CloseForAsync(CloseCode.GoingAway, "Server shutting down", CloseCause.ServerShutdown);
        Task running = Task.CompletedTask;
        if (withHandler)
            running = peer.Connection.RunAsync(ServerTest.EchoAsync);
        else
            peer.Connection.Start();

        ReceivedFrame? close = await peer.ReadFrameAsync();
        Assert.Equal((1001, "Server shutting down"), (close!.CloseCode, close.CloseReason));
        await peer.SendAsync(peer.CloseFrame(CloseCode.GoingAway));
        Assert.Empty(await peer.ReadToEndAsync());
        await peer.Transport.ShutdownAsync();
        await running.WaitAsync(ServerTest.Patience);
        CloseResult result = await closing.WaitAsync(ServerTest.Patience);
        Assert.Equal((CloseCause.ServerShutdown, true), (result.Cause, result.IsClean));
    }

    [Fact]
    public async Task Connection_that_is_aborted_before_it_runs_ends()
    {
        await using RawPeer peer = RawPeer.Create();

        peer.Connection.Abort();

        await peer.Connection.RunAsync(ServerTest.EchoAsync).WaitAsync(ServerTest.Patience);
        Assert.Equal(CloseCause.Aborted, (await peer.Connection.Closed).Cause);
    }
}
