using System.IO.Pipelines;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports;

namespace Sockeye.Tests.LowLevel;

/// <summary>Connections over pairs of pipes that the application brings, in both roles: the twins of <see cref="OwnStreamTests"/>.</summary>
public sealed class OwnPipeTests
{
    private readonly CountingPool _pool = new();
    private readonly BufferPool _buffers;
    private readonly Pipe _forth = new(new PipeOptions(useSynchronizationContext: false));
    private readonly Pipe _back = new(new PipeOptions(useSynchronizationContext: false));

    public OwnPipeTests() => _buffers = new BufferPool(_pool);

    private WebSocketConnectionOptions Connection => new() { Buffers = _buffers, TimeProvider = new ManualTimeProvider() };

    private Ends Client => new(_back.Reader, _forth.Writer);

    private Ends Server => new(_forth.Reader, _back.Writer);

    [Fact]
    public async Task CreateFromPipe_makes_both_roles_without_a_handshake()
    {
        await _forth.Writer.WriteAsync(RawClient.Frame(Opcode.Text, "early"u8.ToArray()));
        WebSocketConnection client = WebSocketConnection.CreateFromPipe(Client, Role.Client, Connection, subprotocol: "v1");
        WebSocketConnection server = WebSocketConnection.CreateFromPipe(Server, Role.Server, Connection);
        Assert.Equal((Role.Client, "v1"), (client.Role, client.Subprotocol));
        Assert.Equal((Role.Server, null), (server.Role, server.Subprotocol));

        Assert.Equal("early", (await server.ReceiveAsync().Soon()).GetText());
        byte[] large = EventLog.Payload(300_000);
        Task send = client.SendAsync(large).AsTask();
        Assert.Equal(large, (await server.ReceiveAsync().Soon()).ToArray());
        await send.Soon();
        Task<CloseResult> closing = server.CloseAsync((CloseCode)4000, "bye");
        Assert.True((await client.ReceiveAsync().Soon()).IsEnd);
        Assert.True((await closing.Soon()).IsClean);
        Assert.Equal((CloseCode)4000, (await client.Closed.Soon()).Code);
        await client.DisposeAsync();
        await server.DisposeAsync();
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task ConnectAsync_over_pipes_does_the_handshake_with_their_other_end()
    {
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(
            Server, new WebSocketAcceptOptions { Connection = Connection, Subprotocols = ["v1"] });
        WebSocketConnection client = await WebSocketClient.ConnectAsync(
            Client, new Uri("ws://example.com:8080/a?c=d"), new() { Connection = Connection, Subprotocols = ["v1"] }).Soon();
        WebSocketConnection server = await accepting.Soon();

        Assert.Equal(("v1", "/a?c=d", "example.com:8080"), (client.Subprotocol, server.Request!.Target, server.Request.Headers["Host"]));
        await client.SendTextAsync("hello");
        Assert.Equal("hello", (await server.ReceiveAsync().Soon()).GetText());
        Task<CloseResult> closing = client.CloseAsync();
        Assert.True((await server.ReceiveAsync().Soon()).IsEnd);
        Assert.True((await closing.Soon()).IsClean);
        await server.DisposeAsync();
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task What_fails_completes_the_pipes()
    {
        Assert.Throws<ArgumentOutOfRangeException>("role", () => WebSocketConnection.CreateFromPipe(Server, (Role)7, Connection));
        await Assert.ThrowsAsync<IOException>(async () => await _back.Reader.ReadAsync());
        await Assert.ThrowsAsync<IOException>(async () => await _forth.Writer.FlushAsync());
        await AssertNothingIsLeftAsync();

        Assert.Throws<ArgumentNullException>("pipe", () => WebSocketConnection.CreateFromPipe(null!, Role.Server));
        await Assert.ThrowsAsync<ArgumentNullException>("pipe", () => WebSocketClient.ConnectAsync((IDuplexPipe)null!, new Uri("ws://a")));
    }

    [Fact]
    public async Task ConnectAsync_that_is_refused_completes_the_pipes()
    {
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(Client, new Uri("ws://example.com"), new() { Connection = Connection });
        UpgradeRequest request = await WebSocketUpgrade.ReadRequestAsync(Server).Soon();
        await request.RejectAsync(403).Soon();
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());
        Assert.Equal(403, thrown.StatusCode);
        await Settle.UntilAsync(() => _back.Writer.FlushAsync() is { IsCompleted: true, Result.IsCompleted: true });
        await AssertNothingIsLeftAsync();
    }

    private Task AssertNothingIsLeftAsync() => Settle.UntilAsync(() => _pool.Outstanding == 0 && _buffers.SlabsHeld == 0);

    private sealed class Ends(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }
}
