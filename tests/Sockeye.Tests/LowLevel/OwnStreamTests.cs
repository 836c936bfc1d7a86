using System.Text;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports;

namespace Sockeye.Tests.LowLevel;

/// <summary>Connections over streams that the application brings, in both roles.</summary>
public sealed class OwnStreamTests
{
    private static readonly TimeSpan Patience = RawClient.Patience;

    private readonly CountingPool _pool = new();
    private readonly BufferPool _buffers;
    private readonly ManualTimeProvider _time = new();
    private readonly DuplexStream _client;
    private readonly DuplexStream _server;

    public OwnStreamTests()
    {
        _buffers = new BufferPool(_pool);
        (_client, _server) = StreamPair.Create();
    }

    private WebSocketConnectionOptions Connection => new() { Buffers = _buffers, TimeProvider = _time };

    [Fact]
    public async Task CreateFromStream_makes_both_roles_without_a_handshake()
    {
        WebSocketConnection client = WebSocketConnection.CreateFromStream(_client, Role.Client, Connection, subprotocol: "v1");
        WebSocketConnection server = WebSocketConnection.CreateFromStream(_server, Role.Server, Connection);
        Assert.Equal((Role.Client, "v1"), (client.Role, client.Subprotocol));
        Assert.Equal((Role.Server, null), (server.Role, server.Subprotocol));
        Assert.Null(server.Request);

        await client.SendTextAsync("ask");
        Assert.Equal("ask", (await server.ReceiveAsync()).GetText());
        await server.SendTextAsync("answer");
        Assert.Equal("answer", (await client.ReceiveAsync()).GetText());
        Task<CloseResult> closing = server.CloseAsync((CloseCode)4000, "bye");

        // The clock stands still: both ends come without a timeout, though such a stream cannot be shut down in one direction.
        Assert.True((await client.ReceiveAsync().AsTask().WaitAsync(Patience)).IsEnd);
        Assert.True((await closing.WaitAsync(Patience)).IsClean);
        Assert.Equal((CloseCode)4000, (await client.Closed.WaitAsync(Patience)).Code);
        await client.DisposeAsync();
        await server.DisposeAsync();
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task CreateFromStream_delivers_the_bytes_behind_the_head_in_every_cut()
    {
        byte[] frame = RawClient.Frame(Opcode.Text, "early"u8.ToArray());
        for (int cut = 0; cut <= frame.Length; cut++)
        {
            (DuplexStream client, DuplexStream server) = StreamPair.Create();
            WebSocketConnection socket = WebSocketConnection.CreateFromStream(server, Role.Server, Connection, frame.AsMemory(0, cut));
            await client.WriteAsync(frame.AsMemory(cut));

            Assert.Equal("early", (await socket.ReceiveAsync()).GetText());
            socket.Abort();
            await socket.DisposeAsync();
        }

        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task CreateFromStream_with_wrong_arguments_throws_and_disposes_the_stream()
    {
        foreach ((string name, Func<Stream, WebSocketConnection> create) in new (string, Func<Stream, WebSocketConnection>)[]
        {
            ("bytesAfterHead", stream => WebSocketConnection.CreateFromStream(stream, Role.Server, Connection, new byte[64 * 1024 + 1])),
            ("role", stream => WebSocketConnection.CreateFromStream(stream, (Role)7, Connection)),
            ("subprotocol", stream => WebSocketConnection.CreateFromStream(stream, Role.Client, Connection, subprotocol: "a b")),
        })
        {
            (DuplexStream stream, _) = StreamPair.Create();
            Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(() => create(stream)).ParamName);
            await stream.Disposed.WaitAsync(Patience);
        }

        Assert.Throws<ArgumentNullException>("stream", () => WebSocketConnection.CreateFromStream(null!, Role.Server));
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task ConnectAsync_over_a_stream_does_the_handshake_with_its_other_end()
    {
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(_server, new() { Connection = Connection, Subprotocols = ["v1"] });

        WebSocketConnection client = await WebSocketClient.ConnectAsync(
            _client, new Uri("ws://example.com:8080/a%20b?c=d"), new() { Connection = Connection, Subprotocols = ["v1"] }).WaitAsync(Patience);
        WebSocketConnection server = await accepting.WaitAsync(Patience);

        Assert.Equal(("v1", "v1"), (client.Subprotocol, server.Subprotocol));
        Assert.Equal(("/a%20b?c=d", "example.com:8080"), (server.Request!.Target, server.Request.Headers["Host"]));
        await client.SendTextAsync("hello");
        Assert.Equal("hello", (await server.ReceiveAsync()).GetText());
        Task<CloseResult> closing = client.CloseAsync();
        Assert.True((await server.ReceiveAsync().AsTask().WaitAsync(Patience)).IsEnd);
        Assert.True((await closing.WaitAsync(Patience)).IsClean);
        await server.DisposeAsync();
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task ConnectAsync_over_a_stream_whose_server_refuses_tells_the_status_and_disposes_the_stream()
    {
        Task<UpgradeRequest> reading = WebSocketUpgrade.ReadRequestAsync(_server);
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(_client, new Uri("ws://a"), new() { Connection = Connection });
        await (await reading.WaitAsync(Patience)).RejectAsync(403, body: "no");

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.WaitAsync(Patience));

        Assert.Equal((HandshakeFailure.Status, 403, "no"), (thrown.Cause, thrown.StatusCode, Encoding.UTF8.GetString(thrown.Body.Span)));
        await _client.Disposed.WaitAsync(Patience);
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task ConnectAsync_over_a_stream_that_stays_silent_ends_at_the_deadline_and_disposes_the_stream()
    {
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(_client, new Uri("ws://a"), new() { Connection = Connection });

        _time.Advance(TimeSpan.FromSeconds(10));

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.WaitAsync(Patience));
        Assert.Equal(HandshakeFailure.Timeout, thrown.Cause);
        await _client.Disposed.WaitAsync(Patience);
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task ConnectAsync_over_a_stream_that_cannot_begin_disposes_the_stream()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => WebSocketClient.ConnectAsync(_client, new Uri("ws://a"), null, new CancellationToken(canceled: true)));
        await _client.Disposed.WaitAsync(Patience);

        await Assert.ThrowsAsync<ArgumentException>("uri", () => WebSocketClient.ConnectAsync(_server, new Uri("ftp://a")));
        await _server.Disposed.WaitAsync(Patience);

        await Assert.ThrowsAsync<ArgumentNullException>("stream", () => WebSocketClient.ConnectAsync((Stream)null!, new Uri("ws://a")));
    }

    private async Task AssertNothingIsLeftAsync()
    {
        long start = Environment.TickCount64;
        while ((_pool.Outstanding > 0 || _buffers.SlabsHeld > 0) && Environment.TickCount64 - start < Patience.TotalMilliseconds)
            await Task.Yield();
        Assert.Equal("", string.Join("\n\n", _pool.Traces));
        Assert.Equal(0, _buffers.SlabsHeld);
    }
}
