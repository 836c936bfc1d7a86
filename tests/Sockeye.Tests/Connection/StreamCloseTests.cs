using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>Rule C3 over streams that cannot be shut down in one direction: pipes, tunnels, upgraded HTTP streams.</summary>
public sealed class StreamCloseTests
{
    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Close_over_a_stream_that_cannot_be_shut_down_takes_no_timeout(Role closing)
    {
        var time = new ManualTimeProvider(); // it stands still
        var pool = new CountingPool();
        var buffers = new BufferPool(pool);
        (DuplexStream one, DuplexStream other) = StreamPair.Create();
        WebSocketConnection own = Open(one, closing);
        WebSocketConnection peer = Open(other, closing == Role.Server ? Role.Client : Role.Server);
        await own.SendTextAsync("last");

        Task<CloseResult> close = own.CloseAsync((CloseCode)4000, "bye");

        Assert.Equal("last", (await peer.ReceiveAsync().AsTask().Soon()).GetText());
        Assert.True((await peer.ReceiveAsync().AsTask().Soon()).IsEnd);
        await close.Soon();
        await peer.Closed.Soon();
        Assert.True((await close).IsClean);
        Assert.Equal((true, (CloseCode)4000, "bye"), ((await peer.Closed).IsClean, (await peer.Closed).Code, (await peer.Closed).Reason));
        await one.Disposed.Soon();
        await other.Disposed.Soon();
        await Settle.UntilAsync(() => pool.Outstanding == 0 && buffers.SlabsHeld == 0);

        WebSocketConnection Open(Stream stream, Role role)
        {
            var connection = new WebSocketConnection(
                new StreamTransport(stream, buffers), role, new() { TimeProvider = time, Buffers = buffers }, ConnectionDetails.None, []);
            connection.Start();
            return connection;
        }
    }
}
