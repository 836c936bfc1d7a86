using System.IO.Pipelines;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>Rule C3 over streams that cannot be shut down in one direction: pipes, tunnels, upgraded HTTP streams; and what carries
/// bytes and throws where it is ended.</summary>
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

    // A writer that is made of a stream disposes it when it is completed, and throws where a flush of it is cancelled after that.
    [Theory]
    [InlineData(Role.Server, false)]
    [InlineData(Role.Server, true)]
    [InlineData(Role.Client, false)]
    [InlineData(Role.Client, true)]
    public async Task Pipes_made_of_a_stream_end_their_reader_after_the_close(Role closing, bool leavesOpen)
    {
        var link = new TestLink();
        var pool = new CountingPool();
        var buffers = new BufferPool(pool);
        WebSocketConnectionOptions options = new() { TimeProvider = new ManualTimeProvider(), Buffers = buffers }; // its time stands still
        var server = new WebSocketConnection(
            new PipeTransport(new StreamPipes(link.Server, leavesOpen), buffers), Role.Server, options, ConnectionDetails.None, []);
        server.Start();
        WebSocketConnection client = WebSocketConnection.CreateFromStream(link.Client, Role.Client, options);

        (WebSocketConnection own, WebSocketConnection peer) = closing == Role.Server ? (server, client) : (client, server);
        Task<WebSocketMessage> reading = peer.ReceiveAsync().AsTask();
        Task<CloseResult> closed = own.CloseAsync();
        Assert.True((await server.Closed.Soon()).IsClean);
        await link.Server.DisposeAsync(); // by whom it was left open
        Assert.True((await client.Closed.Soon()).IsClean);
        Assert.True((await reading.Soon()).IsEnd);
        await closed.Soon();
        await Settle.UntilAsync(() => pool.Outstanding == 0 && buffers.SlabsHeld == 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pipes_made_of_a_stream_end_their_reader_where_it_is_aborted(bool leavesOpen)
    {
        var link = new TestLink();
        var connection = new WebSocketConnection(
            new PipeTransport(new StreamPipes(link.Server, leavesOpen), BufferPool.Shared), Role.Server, new(), ConnectionDetails.None, []);
        connection.Start();
        Task<WebSocketMessage> reading = connection.ReceiveAsync().AsTask();
        connection.Abort();
        await Assert.ThrowsAsync<WebSocketClosedException>(() => reading.Soon());
        Assert.Equal(CloseCause.Aborted, (await connection.Closed.Soon()).Cause);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Transport_whose_Abort_throws_still_ends_the_reader(bool aborts)
    {
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(BufferPool.Shared, BufferPool.Shared);
        var transport = new ScriptedTransport(own, ended: () => throw new InvalidOperationException("It throws."));
        var connection = new WebSocketConnection(transport, Role.Server, new(), ConnectionDetails.None, []);
        connection.Start();
        Task<WebSocketMessage> reading = connection.ReceiveAsync().AsTask();
        if (aborts)
            connection.Abort();
        else
            await peer.DisposeAsync();
        WebSocketClosedException e = await Assert.ThrowsAsync<WebSocketClosedException>(() => reading.Soon());
        Assert.Equal(aborts ? CloseCause.Aborted : CloseCause.TransportEnded, e.Result.Cause);
        Assert.Same(e.Result, await connection.Closed.Soon());
        Assert.Equal((aborts, !aborts), (transport.IsAborted, transport.IsDisposed));
        await connection.DisposeAsync().Soon();
        peer.Abort();
    }

    // As that of a window that has been closed does.
    [Fact]
    public async Task Context_that_throws_leaves_no_transport_open_and_nobody_waiting()
    {
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(BufferPool.Shared, BufferPool.Shared, capacity: 1000);
        var transport = new ScriptedTransport(own);
        var connection = new WebSocketConnection(transport, Role.Server, new(), ConnectionDetails.None, []);
        connection.Start();
        _ = connection.SendAsync(new byte[100_000]);
        SynchronizationContext? outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new ThrowingContext());
        connection.SendAsync(new byte[100_000]).GetAwaiter().OnCompleted(() => Assert.Fail("The context ran it."));
        SynchronizationContext.SetSynchronizationContext(outer);
        Task behind = connection.SendAsync(new byte[100_000]).AsTask();
        Assert.Throws<FormatException>(connection.Abort);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => behind.Soon());
        Assert.True(transport.IsAborted);
        Assert.Equal(CloseCause.Aborted, (await connection.Closed.Soon()).Cause);
        peer.Abort();
    }

    private sealed class ThrowingContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => throw new FormatException("It is gone.");
    }
}

/// <summary>A pair of pipes that a program makes of a stream.</summary>
internal sealed class StreamPipes(Stream stream, bool leavesOpen = false) : IDuplexPipe
{
    public PipeReader Input { get; } = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: leavesOpen));

    public PipeWriter Output { get; } = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: leavesOpen));
}
