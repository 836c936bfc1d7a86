using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Attacks;

/// <summary>All replies accepted before a violation, and its close code, reach the peer, every time, whatever still arrives while the
/// connection closes: no reset destroys them (RFC 6455, section 7.1.1). Real sockets over many addresses of this machine, so that no
/// port is waited for.</summary>
[Trait("Category", "Repeated")]
public sealed class ViolationDeliveryTests
{
    private const int Together = 8;

    private const string Extension = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    // Agreed on, and so much is worth compressing that no reply is: they are compared as they went in.
    private static readonly PerMessageDeflateOptions Deflate =
        new() { ServerNoContextTakeover = true, ClientNoContextTakeover = true, Threshold = int.MaxValue };

    private static readonly int Repetitions = Repeat.Times(ordinary: 10, full: 10_000);

    public static TheoryData<Rule, Role> Rows =>
    [
        .. from rule in Enum.GetValues<Rule>()
           from receiver in Enum.GetValues<Role>()
           where Violations.Concerns(rule, receiver)
           select (rule, receiver),
    ];

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Replies_before_a_violation_and_its_code_reach_the_peer_every_time(Rule rule, Role receiver)
    {
        int found = 0;
        if (receiver == Role.Server)
        {
            await using var test = new ServerTest(options => options with
            {
                Address = IPAddress.Any,
                Connection = Violations.Limit(options.Connection),
            });
            test.Server.Map("/*", EchoAsync, new() { PerMessageDeflate = Deflates(rule) ? Deflate : null });
            await test.Server.StartAsync();
            int port = ((IPEndPoint)test.Server.EndPoints[0]).Port;
            await RepeatAsync(seed => AttackServerAsync(test.Server, port, rule, seed));
            await test.AssertServesAsync();
            await test.AssertNothingIsLeftAsync();
        }
        else
        {
            await RepeatAsync(seed => AttackClientAsync(rule, seed, EchoAsync));
        }

        Assert.Equal(Repetitions, found);

        async Task EchoAsync(WebSocketConnection socket, CancellationToken cancel)
        {
            try
            {
                await ServerTest.EchoAsync(socket, cancel);
            }
            catch (WebSocketClosedException e) when (e.Result.Violation is { } violation)
            {
                Assert.Equal((rule, CloseCause.Violation), (violation.Rule, e.Result.Cause));
                Interlocked.Increment(ref found);
                throw;
            }
        }
    }

    private static bool Deflates(Rule rule) => rule == Rule.CompressedDataMustBeValid;

    private static async Task RepeatAsync(Func<int, Task> play)
    {
        await Parallel.ForAsync(
            0,
            Repetitions,
            new ParallelOptions { MaxDegreeOfParallelism = Together },
            async (seed, _) => await play(seed).WaitAsync(RawClient.Patience, CancellationToken.None));
    }

    private static async Task AttackServerAsync(WebSocketServer server, int port, Rule rule, int seed)
    {
        using Socket socket = NewSocket(seed);
        await socket.ConnectAsync(Address(seed * 7), port);
        await new RawSession(rule, Role.Server, seed).PlayAsync(
            socket, RawClient.Request(server, headers: Deflates(rule) ? $"Sec-WebSocket-Extensions: {Extension}\r\n" : ""));
    }

    private static async Task AttackClientAsync(Rule rule, int seed, Func<WebSocketConnection, CancellationToken, Task> echo)
    {
        using Socket listener = NewSocket(seed);
        listener.Listen();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(
            $"ws://{listener.LocalEndPoint}/",
            new WebSocketClientOptions
            {
                PerMessageDeflate = Deflates(rule) ? Deflate : null,
                // No time passes: a grace that ends too early is not what is looked at.
                Connection = Violations.Limit(new WebSocketConnectionOptions { TimeProvider = new ManualTimeProvider() }),
            });
        using Socket socket = await listener.AcceptAsync();
        socket.NoDelay = true;
        using var request = new MemoryStream();
        string key = (await RawSession.ReadHeadAsync(socket, request)).Split("Sec-WebSocket-Key: ")[1].Split("\r\n")[0];
        Task playing = new RawSession(rule, Role.Client, seed).PlayAsync(
            socket,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + $"Sec-WebSocket-Accept: {HandshakeKey.ComputeAccept(key)}\r\n"
            + (Deflates(rule) ? $"Sec-WebSocket-Extensions: {Extension}\r\n\r\n" : "\r\n"));
        await using WebSocketConnection connection = await connecting;
        await Assert.ThrowsAsync<WebSocketClosedException>(() => echo(connection, CancellationToken.None));
        await playing;
    }

    private static Socket NewSocket(int seed)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(Address(seed), 0));
        return socket;
    }

    /// <summary>Chooses one of 199 addresses of this machine.</summary>
    private static IPAddress Address(int seed) => new([127, 0, 0, (byte)(2 + (seed % 199))]);
}
