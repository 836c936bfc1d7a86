using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Faults;

/// <content>Whatever else carries a connection: pipes, a socket, TLS, proxies; what makes connections again, and what has none.</content>
public sealed partial class OperationFaultTests
{
    private const string Target = "ws://target.example/";

    private static readonly Dictionary<string, Func<Sweep, Task>> Carriers = new()
    {
        ["AcceptAsync, pipes"] = sweep =>
        {
            sweep.Peer = ConnectAsync(sweep.OtherEnd(Role.Server), sweep.PeerOptions);
            return TalkAsync(sweep, WebSocketUpgrade.AcceptAsync(
                new StreamPipes(sweep.End(Role.Server)), new() { Connection = sweep.Options }, sweep.Token));
        },
        ["ReadRequestAsync, pipes"] = async sweep =>
        {
            sweep.Peer = ConnectAsync(sweep.OtherEnd(Role.Server), sweep.PeerOptions);
            UpgradeRequest request = await WebSocketUpgrade.ReadRequestAsync(
                new StreamPipes(sweep.End(Role.Server)), cancellationToken: sweep.Token);
            await request.RejectAsync(403, body: "no");
        },
        ["ConnectAsync, pipes"] = sweep =>
        {
            sweep.Peer = AcceptAsync(sweep.OtherEnd(Role.Client), sweep.PeerOptions);
            return TalkAsync(sweep, WebSocketClient.ConnectAsync(
                new StreamPipes(sweep.End(Role.Client)), new Uri(Target), new() { Connection = sweep.Options }, sweep.Token));
        },
        ["AcceptAsync, socket"] = async sweep =>
        {
            sweep.Peer = ConnectAsync(sweep.OtherEnd(Role.Server), sweep.PeerOptions);
            Socket socket = await ForwardAsync(sweep.End(Role.Server));
            await TalkAsync(sweep, WebSocketUpgrade.AcceptAsync(socket, new() { Connection = sweep.Options }, sweep.Token));
        },
        ["ReadRequestAsync, socket"] = async sweep =>
        {
            sweep.Peer = ConnectAsync(sweep.OtherEnd(Role.Server), sweep.PeerOptions);
            Socket socket = await ForwardAsync(sweep.End(Role.Server));
            UpgradeRequest request = await WebSocketUpgrade.ReadRequestAsync(socket, cancellationToken: sweep.Token);
            await TalkAsync(sweep, request.AcceptAsync(new() { Connection = sweep.Options }, sweep.Token));
        },
        ["ConnectAsync, TLS"] = sweep => DialAsync(sweep, "wss://localhost/", proxy: null, SecureAsync),
        ["ConnectAsync, proxy of HTTP"] = sweep => DialAsync(sweep, Target, "http://proxy.example:1", TunnelAsync),
        ["ConnectAsync, proxy of HTTPS"] = sweep => DialAsync(sweep, Target, "https://localhost:1", SecureAsync, TunnelAsync),
        ["ConnectAsync, proxy of SOCKS 5"] = sweep => DialAsync(sweep, Target, "socks5://proxy.example:1", Socks5Async),
        ["ConnectAsync, proxy of SOCKS 4a"] = sweep => DialAsync(sweep, Target, "socks4a://proxy.example:1", Socks4Async),
        ["ReceiveInPieces"] = async sweep =>
        {
            sweep.Connection = WebSocketConnection.CreateFromStream(
                sweep.End(Role.Client), Role.Client, sweep.Options with { ReceiveInPieces = true });
            sweep.Peer = ReplyAsync(WebSocketConnection.CreateFromStream(sweep.OtherEnd(Role.Client), Role.Server, sweep.PeerOptions), Large);
            await sweep.Connection.SendAsync(Small, cancellationToken: sweep.Token);
            if (await sweep.Connection.ReceiveStreamAsync(sweep.Token) is { } message)
                await message.CopyToAsync(Stream.Null, sweep.Token);
            await sweep.Connection.SendAsync(Small, cancellationToken: sweep.Token);
            await foreach (WebSocketMessage piece in sweep.Connection.ReadAllAsync(sweep.Token))
            {
                if (piece.EndsMessage)
                    return;
            }
        },
        ["ConnectForeverAsync"] = ConnectForeverAsync,
        ["EventWebSocket"] = RaiseAsync,
        ["WebSocketWire"] = async sweep =>
        {
            sweep.Peer = AnswerFrameAsync(sweep.OtherEnd(Role.Client));
            await using Stream stream = sweep.End(Role.Client);
            try
            {
                await WebSocketWire.WriteFrameAsync(
                    stream, Opcode.Binary, Large, isFinal: true, WebSocketWire.CreateMaskKey(), sweep.Token);
                await WebSocketWire.ReadFrameAsync(stream, Role.Client, cancellationToken: sweep.Token);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException { Message: "scripted" })
            {
                // What a stream throws goes through, as through all that reads and writes one.
            }
        },
    };

    public static TheoryData<string, StreamFault> CarrierSweeps => new MatrixTheoryData<string, StreamFault>(
        Carriers.Keys, Enum.GetValues<StreamFault>());

    [Theory]
    [MemberData(nameof(CarrierSweeps))]
    public Task Carrier_with_a_fault_at_every_step_ends_with_a_typed_error(string carrier, StreamFault fault) =>
        SweepAsync(fault, hasCloseTimeout: false, Carriers[carrier]);

    /// <summary>Uses a connection in every direction, and closes it.</summary>
    private static async Task TalkAsync(Sweep sweep, Task<WebSocketConnection> opening)
    {
        sweep.Connection = await opening;
        await sweep.Connection.SendAsync(Small, cancellationToken: sweep.Token);
        await ReceiveReplyAsync(sweep.Connection, sweep.Token);
        await sweep.Connection.CloseAsync(cancellationToken: sweep.Token);
    }

    /// <summary>Connects by a stream of the user's, behind which the peer does some steps before it accepts.</summary>
    private static Task DialAsync(Sweep sweep, string uri, string? proxy, params Func<Stream, Task<Stream>>[] steps)
    {
        sweep.Peer = AcceptBehindAsync(sweep.OtherEnd(Role.Client), sweep.PeerOptions, steps);
        var options = new WebSocketClientOptions
        {
            ConnectCallback = (_, _) => ValueTask.FromResult(sweep.End(Role.Client)),
            Proxy = proxy is null ? null : new NamedProxy(new Uri(proxy)),
            Tls = TestCertificates.Trusting(),
            Connection = sweep.Options,
        };
        return TalkAsync(sweep, WebSocketClient.ConnectAsync(uri, options, sweep.Token));
    }

    private static async Task<WebSocketConnection?> AcceptBehindAsync(
        Stream stream, WebSocketConnectionOptions options, Func<Stream, Task<Stream>>[] steps)
    {
        try
        {
            foreach (Func<Stream, Task<Stream>> step in steps)
                stream = await step(stream);
            return await AcceptAsync(stream, options);
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            await stream.DisposeAsync();
            return null;
        }
    }

    private static async Task<Stream> SecureAsync(Stream stream)
    {
        var tls = new SslStream(stream);
        try
        {
            await tls.AuthenticateAsServerAsync(TestCertificates.Serving(TestCertificates.Server));
            return tls;
        }
        catch (Exception)
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    private static async Task<Stream> TunnelAsync(Stream stream)
    {
        string head = "";
        while (!head.EndsWith("\r\n\r\n", StringComparison.Ordinal))
            head += Encoding.Latin1.GetString(await ReadAsync(stream, 1));
        await stream.WriteAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray());
        return stream;
    }

    private static async Task<Stream> Socks5Async(Stream stream)
    {
        await ReadAsync(stream, (await ReadAsync(stream, 2))[1]); // the methods
        await stream.WriteAsync((byte[])[5, 2]);
        await ReadAsync(stream, (await ReadAsync(stream, 2))[1]); // the name
        await ReadAsync(stream, (await ReadAsync(stream, 1))[0]); // the password
        await stream.WriteAsync((byte[])[1, 0]);
        await ReadAsync(stream, (await ReadAsync(stream, 5))[4] + 2); // the host and the port
        await stream.WriteAsync((byte[])[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]);
        return stream;
    }

    private static async Task<Stream> Socks4Async(Stream stream)
    {
        await ReadAsync(stream, 8);
        for (int texts = 0; texts < 2;) // the name and the host
            texts += (await ReadAsync(stream, 1))[0] == 0 ? 1 : 0;
        await stream.WriteAsync((byte[])[0, 90, 0, 0, 0, 0, 0, 0]);
        return stream;
    }

    private static async Task<byte[]> ReadAsync(Stream stream, int count)
    {
        byte[] bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }

    /// <summary>Makes a socket whose bytes go over a stream: what fails there resets it.</summary>
    private static async Task<Socket> ForwardAsync(Stream stream)
    {
        (Socket own, Socket far) = await Connection.Carriers.ConnectSocketsAsync();
        _ = CarryAsync();
        return own;

        async Task CarryAsync()
        {
            await using var near = new NetworkStream(far, ownsSocket: true);
            try
            {
                await await Task.WhenAny(near.CopyToAsync(stream), stream.CopyToAsync(near));
            }
            catch (Exception)
            {
                far.Close(0);
            }

            await stream.DisposeAsync();
        }
    }

    private static async Task<WebSocketConnection?> AnswerFrameAsync(Stream stream)
    {
        try
        {
            await WebSocketWire.ReadFrameAsync(stream, Role.Server);
            await WebSocketWire.WriteFrameAsync(stream, Opcode.Binary, Large);
        }
        catch (IOException)
        {
            // The fault has broken it.
        }

        await stream.DisposeAsync();
        return null;
    }

    /// <summary>Loses the first connection, or the way to it, and has a reply over the next one.</summary>
    private static async Task ConnectForeverAsync(Sweep sweep)
    {
        List<Task<WebSocketConnection?>> peers = [];
        // The clock of the sweep would run ahead of the connection that is not broken.
        WebSocketConnectionOptions connection = sweep.Options with { TimeProvider = TimeProvider.System };
        var options = new ReconnectOptions
        {
            InitialDelay = TimeSpan.FromMilliseconds(1),
            MaxDelay = TimeSpan.FromMilliseconds(1),
            Client = new()
            {
                Connection = connection,
                ConnectTimeout = TimeSpan.FromMilliseconds(20),
                ConnectCallback = (_, _) => ValueTask.FromResult(Dial()),
            },
        };
        await foreach (WebSocketConnection socket in WebSocketClient.ConnectForeverAsync(Target, options, sweep.Token))
        {
            try
            {
                await socket.SendAsync(Small, cancellationToken: sweep.Token);
                await ReceiveReplyAsync(socket, sweep.Token);
                break;
            }
            catch (WebSocketClosedException)
            {
                // The next one.
            }
        }

        foreach (Task<WebSocketConnection?> peer in peers)
            Assert.True((await peer)?.Closed.IsCompleted ?? true);

        Stream Dial()
        {
            if (sweep.Peer is null)
            {
                sweep.Peer = AcceptAsync(sweep.OtherEnd(Role.Client), sweep.PeerOptions);
                return sweep.End(Role.Client);
            }

            var link = new TestLink();
            peers.Add(AcceptAsync(link.Server, sweep.PeerOptions with { TimeProvider = TimeProvider.System }));
            return link.Client;
        }
    }

    private static async Task RaiseAsync(Sweep sweep)
    {
        sweep.Peer = AcceptAsync(sweep.OtherEnd(Role.Client), sweep.PeerOptions);
        await using var socket = new EventWebSocket(Target, new WebSocketClientOptions
        {
            Connection = sweep.Options, ConnectCallback = (_, _) => ValueTask.FromResult(sweep.End(Role.Client)),
        });
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        List<Exception> errors = [];
        socket.Opened += (_, _) =>
        {
            socket.Send("text");
            socket.SendPing();
            socket.SendPong();
        };
        socket.Message += (_, _) =>
        {
            socket.Pause();
            socket.Resume();
            socket.Close(1000, "bye");
        };
        socket.Error += (_, e) => errors.Add(e.Exception);
        socket.Closed += (_, _) => closed.TrySetResult();
        await closed.Task;
        if (errors.Count > 0)
            throw errors.Single();
    }

    /// <summary>Names one proxy for all, with credentials.</summary>
    private sealed class NamedProxy(Uri address) : IWebProxy
    {
        public ICredentials? Credentials { get; set; } = new NetworkCredential("name", "word");

        public Uri GetProxy(Uri destination) => address;

        public bool IsBypassed(Uri host) => false;
    }
}
