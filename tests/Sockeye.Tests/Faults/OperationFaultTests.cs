using System.Buffers;
using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Json;
using Sockeye.Transports;

namespace Sockeye.Tests.Faults;

/// <summary>Each public operation, with the n-th operation of the stream below failing for every n, until it succeeds: nothing hangs, nothing
/// leaks, and what it throws has a type of ours that tells why.</summary>
public sealed partial class OperationFaultTests
{
    // Text, and a value as JSON.
    private const string Reply = "42";

    private static readonly byte[] Small = new byte[100];
    private static readonly byte[] Large = new byte[100_000];

    private static readonly Dictionary<string, Func<WebSocketConnection, CancellationToken, Task>> Operations = new()
    {
        ["SendAsync"] = async (socket, cancel) =>
        {
            await socket.SendAsync(Small, cancellationToken: cancel);
            await socket.DrainAsync(cancel);
        },
        ["SendAsync, large"] = async (socket, cancel) => await socket.SendAsync(Large, cancellationToken: cancel),
        ["SendAsync, prepared"] = async (socket, cancel) =>
        {
            await socket.SendAsync(new PreparedMessage("prepared"), cancel);
            await socket.DrainAsync(cancel);
        },
        ["SendTextAsync"] = async (socket, cancel) =>
        {
            await socket.SendTextAsync("text", cancel);
            await ReceiveReplyAsync(socket, cancel);
        },
        ["SendSpanAsync"] = async (socket, cancel) =>
        {
            await socket.SendSpanAsync<long>(new long[5000], cancel);
            await socket.DrainAsync(cancel);
        },
        ["TrySend"] = async (socket, cancel) =>
        {
            while (socket.TrySend(Small) == SendResult.Accepted)
            {
                // until the high-water mark
            }

            await socket.DrainAsync(cancel);
        },
        ["OpenMessage"] = async (socket, cancel) =>
        {
            await using StreamedMessage message = socket.OpenMessage();
            await message.WriteAsync(Small, cancel);
            await message.WriteAsync(Large, cancel);
            await message.CompleteAsync(Small, cancel);
        },
        ["PingAsync"] = (socket, cancel) => socket.PingAsync("ping"u8.ToArray(), cancel),
        ["SendPongAsync"] = async (socket, cancel) =>
        {
            await socket.SendPongAsync(default, cancel);
            await socket.DrainAsync(cancel);
        },
        ["ConfirmAsync"] = async (socket, cancel) =>
        {
            await socket.SendAsync(Small, cancellationToken: cancel);
            await socket.ConfirmAsync(cancel);
        },
        ["SendAsync, received"] = async (socket, cancel) =>
        {
            await socket.SendAsync(Small, cancellationToken: cancel);
            await socket.SendAsync(await ReceiveAsync(socket, cancel), cancel);
            await socket.DrainAsync(cancel);
        },
        ["ReadAllAsync"] = async (socket, cancel) =>
        {
            await socket.SendAsync(Small, cancellationToken: cancel);
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                Assert.Equal(Reply, message.GetText());
                return;
            }
        },
        ["ReadAllOwnedAsync"] = async (socket, cancel) =>
        {
            await socket.SendAsync(Small, cancellationToken: cancel);
            await foreach (OwnedMessage message in socket.ReadAllOwnedAsync(cancel))
            {
                Assert.Equal(2, message.Data.Length);
                return;
            }
        },
        ["ReadEventsAsync"] = async (socket, cancel) =>
        {
            socket.TrySend(Small);
            await foreach (WebSocketEvent e in socket.ReadEventsAsync(cancel))
            {
                if (e.Kind is WebSocketEventKind.Text or WebSocketEventKind.Close)
                    return;
            }
        },
        ["ReceiveStreamAsync"] = async (socket, cancel) =>
        {
            await socket.SendAsync(Small, cancellationToken: cancel);
            if (await socket.ReceiveStreamAsync(cancel) is { } message)
                await message.CopyToAsync(Stream.Null, cancel);
        },
        ["SendJsonAsync, ReadAllJsonAsync"] = async (socket, cancel) =>
        {
            await socket.SendJsonAsync(Order.OfSize(1000), SampleJson.Default.Order, cancel);
            await foreach (JsonElement value in socket.ReadAllJsonAsync(SampleJson.Default.JsonElement, cancel))
            {
                Assert.Equal(Reply, value.GetRawText());
                return;
            }
        },
        ["Pause, Resume"] = async (socket, cancel) =>
        {
            socket.Pause();
            await socket.SendAsync(Large, cancellationToken: cancel);
            socket.Resume();
            await ReceiveReplyAsync(socket, cancel);
        },
        ["RunAsync"] = (socket, cancel) => socket.RunAsync(async (connection, _) =>
        {
            await connection.SendAsync(Small, cancellationToken: cancel);
            await ReceiveReplyAsync(connection, cancel);
        }),
        ["IgnoreMessages"] = async (socket, cancel) =>
        {
            socket.IgnoreMessages();
            await socket.SendAsync(Large, cancellationToken: cancel);
            await socket.ConfirmAsync(cancel);
        },
        ["CloseAsync"] = async (socket, cancel) =>
        {
            await socket.SendAsync(Small, cancellationToken: cancel);
            await socket.CloseAsync(CloseCode.GoingAway, "bye", cancel);
        },
        ["DisposeAsync"] = async (socket, cancel) =>
        {
            _ = socket.SendAsync(Large, cancellationToken: cancel).AsTask().Observed();
            await socket.DisposeAsync();
        },
        ["Abort"] = async (socket, _) =>
        {
            socket.TrySend(Small);
            socket.Abort();
            await socket.Closed;
        },
        ["AsStream"] = async (socket, cancel) =>
        {
            await using Stream stream = socket.AsStream();
            await stream.WriteAsync(Small, cancel);
            await stream.FlushAsync(cancel);
            Assert.InRange(await stream.ReadAsync(new byte[10], cancel), 0, 2);
        },
        ["AsDuplexPipe"] = async (socket, cancel) =>
        {
            IDuplexPipe pipe = socket.AsDuplexPipe();
            pipe.Output.Write("some"u8);
            await pipe.Output.FlushAsync(cancel);
            ReadResult read = await pipe.Input.ReadAsync(cancel);
            pipe.Input.AdvanceTo(read.Buffer.End);
            await pipe.Output.CompleteAsync();
            await pipe.Input.CompleteAsync();
        },
        ["AsWebSocket"] = async (socket, cancel) =>
        {
            using WebSocket framework = socket.AsWebSocket();
            await framework.SendAsync(Small, WebSocketMessageType.Binary, endOfMessage: true, cancel);
            await framework.ReceiveAsync(new byte[10], cancel);
            await framework.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", cancel);
        },
    };

    private static readonly Dictionary<string, Func<Sweep, Task>> Handshakes = new()
    {
        ["ConnectAsync"] = async sweep =>
        {
            sweep.Peer = AcceptAsync(sweep.OtherEnd(Role.Client), sweep.PeerOptions);
            sweep.Connection = await WebSocketClient.ConnectAsync(
                sweep.End(Role.Client), new Uri("ws://test.example/"), new() { Connection = sweep.Options }, sweep.Token);
            await sweep.Connection.SendAsync(Encoding.ASCII.GetBytes(new string('x', 5000)), WebSocketMessageKind.Text, sweep.Token);
            await ReceiveReplyAsync(sweep.Connection, sweep.Token);
            await sweep.Connection.CloseAsync(cancellationToken: sweep.Token);
        },
        ["ConnectAsync, refused"] = async sweep =>
        {
            sweep.Peer = RejectAsync(sweep.OtherEnd(Role.Client));
            try
            {
                sweep.Connection = await WebSocketClient.ConnectAsync(
                    sweep.End(Role.Client), new Uri("ws://test.example/"), new() { Connection = sweep.Options }, sweep.Token);
                Assert.Fail("It was refused.");
            }
            catch (WebSocketHandshakeException e) when (e.StatusCode is not null)
            {
                Assert.Equal(403, e.StatusCode);
            }
        },
        ["AcceptAsync"] = async sweep =>
        {
            sweep.Peer = ConnectAsync(sweep.OtherEnd(Role.Server), sweep.PeerOptions);
            sweep.Connection = await WebSocketUpgrade.AcceptAsync(
                sweep.End(Role.Server), new() { Connection = sweep.Options, PerMessageDeflate = PerMessageDeflateOptions.Default }, sweep.Token);
            await ReceiveReplyAsync(sweep.Connection, sweep.Token);
            await sweep.Connection.SendAsync(Encoding.ASCII.GetBytes(new string('x', 5000)), WebSocketMessageKind.Text, sweep.Token);
            await sweep.Connection.CloseAsync(cancellationToken: sweep.Token);
        },
        ["RejectAsync"] = async sweep =>
        {
            sweep.Peer = ConnectAsync(sweep.OtherEnd(Role.Server), sweep.PeerOptions);
            UpgradeRequest request = await WebSocketUpgrade.ReadRequestAsync(sweep.End(Role.Server), cancellationToken: sweep.Token);
            await request.RejectAsync(403, body: "no");
        },
    };

    public static TheoryData<string, Role, StreamFault> OperationSweeps => new MatrixTheoryData<string, Role, StreamFault>(
        Operations.Keys, Enum.GetValues<Role>(), Enum.GetValues<StreamFault>());

    public static TheoryData<string, StreamFault> HandshakeSweeps => new MatrixTheoryData<string, StreamFault>(
        Handshakes.Keys, Enum.GetValues<StreamFault>());

    [Theory]
    [MemberData(nameof(OperationSweeps))]
    public Task Operation_with_a_fault_at_every_step_ends_with_a_typed_error(string operation, Role role, StreamFault fault) =>
        SweepAsync(fault, hasCloseTimeout: true, async sweep =>
        {
            sweep.Connection = WebSocketConnection.CreateFromStream(sweep.End(role), role, sweep.Options);
            Role other = role == Role.Client ? Role.Server : Role.Client;
            sweep.Peer = ReplyAsync(WebSocketConnection.CreateFromStream(sweep.OtherEnd(role), other, sweep.PeerOptions));
            await Operations[operation](sweep.Connection, sweep.Token);
        });

    [Theory]
    [MemberData(nameof(HandshakeSweeps))]
    public Task Handshake_with_a_fault_at_every_step_ends_with_a_typed_error(string handshake, StreamFault fault) =>
        SweepAsync(fault, hasCloseTimeout: false, Handshakes[handshake]);

    private static async Task SweepAsync(StreamFault fault, bool hasCloseTimeout, Func<Sweep, Task> operation)
    {
        bool isReached = true;
        for (int n = 0; isReached; n++)
        {
            Assert.True(n < 1000);
            await using var sweep = new Sweep(n, fault);
            Task running = Task.Run(() => operation(sweep));
            // Time passes once the stream is broken: nothing else needs any.
            await Settle.UntilAsync(
                () =>
                {
                    if (sweep.IsReached && fault != StreamFault.Token)
                        sweep.Time.Advance(TimeSpan.FromMilliseconds(250));
                    return running.IsCompleted;
                },
                () => $"n = {n}, {sweep.Connection?.Closed.Status}");
            isReached = sweep.IsReached;
            await ((Task)running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Exception? thrown = running.IsCanceled ? new OperationCanceledException() : running.Exception?.InnerException;
            if (!isReached)
                Assert.True(thrown is null, $"without a fault: {thrown}");
            else if (fault == StreamFault.Token)
                Assert.True(thrown is null or OperationCanceledException, $"n = {n}: {thrown}");
            else
                Assert.True(thrown is null or WebSocketClosedException or WebSocketHandshakeException or WebSocketException, $"n = {n}: {thrown}");

            // A token of the application breaks nothing.
            if (fault == StreamFault.Token && sweep.Connection is { IsOpen: true } connection && hasCloseTimeout)
            {
                connection.IgnoreMessages(); // a peer that cannot send its replies reads no more
                await connection.PingAsync().Soon();
            }
        }
    }

    private static async Task<WebSocketMessage> ReceiveAsync(WebSocketConnection socket, CancellationToken cancel)
    {
        WebSocketMessage message = await socket.ReceiveAsync(cancel);
        return message.IsEnd ? throw new WebSocketClosedException(await socket.Closed) : message;
    }

    private static async Task ReceiveReplyAsync(WebSocketConnection socket, CancellationToken cancel) =>
        Assert.Equal(Reply, (await ReceiveAsync(socket, cancel)).GetText());

    /// <summary>A peer that answers each message.</summary>
    private static async Task<WebSocketConnection?> ReplyAsync(WebSocketConnection socket, byte[]? binary = null, bool isFirst = false)
    {
        try
        {
            if (isFirst)
                await socket.SendTextAsync(Reply);
            await foreach (WebSocketMessage _ in socket.ReadAllAsync())
                await (binary is null ? socket.SendTextAsync(Reply) : socket.SendAsync(binary));
        }
        catch (WebSocketClosedException)
        {
            // The fault has broken it.
        }

        return socket;
    }

    private static async Task<WebSocketConnection?> AcceptAsync(Stream stream, WebSocketConnectionOptions options)
    {
        try
        {
            return await ReplyAsync(await WebSocketUpgrade.AcceptAsync(
                stream, new() { Connection = options, PerMessageDeflate = PerMessageDeflateOptions.Default }));
        }
        catch (WebSocketHandshakeException)
        {
            return null;
        }
    }

    private static async Task<WebSocketConnection?> RejectAsync(Stream stream)
    {
        try
        {
            await (await WebSocketUpgrade.ReadRequestAsync(stream)).RejectAsync(403, body: "no");
        }
        catch (WebSocketHandshakeException)
        {
            // The fault has broken it.
        }

        return null;
    }

    private static async Task<WebSocketConnection?> ConnectAsync(Stream stream, WebSocketConnectionOptions options)
    {
        try
        {
            return await ReplyAsync(
                await WebSocketClient.ConnectAsync(stream, new Uri("ws://test.example/"), new() { Connection = options }), isFirst: true);
        }
        catch (WebSocketHandshakeException)
        {
            return null;
        }
    }

    /// <summary>One run: a link, the two ends, and the fault.</summary>
    private sealed class Sweep(int failAt, StreamFault fault) : IAsyncDisposable
    {
        private readonly TestLink _link = new(capacity: 50_000);
        private readonly CancellationTokenSource _token = new();
        private readonly BufferPool _buffers = new(new CountingPool(trace: false));
        private FaultyStream? _faulty;

        public ManualTimeProvider Time { get; } = new();

        /// <summary>Gets or sets whether what is swept disposes its stream in the end.</summary>
        public bool OwnsStream { get; set; } = true;

        public CancellationToken Token => _token.Token;

        public bool IsReached => _faulty is { IsReached: true };

        public WebSocketConnection? Connection { get; set; }

        public Task<WebSocketConnection?>? Peer { get; set; }

        public WebSocketConnectionOptions Options => new() { TimeProvider = Time, Buffers = _buffers };

        public WebSocketConnectionOptions PeerOptions => new() { TimeProvider = Time };

        public Stream End(Role role) => _faulty = new FaultyStream(role == Role.Client ? _link.Client : _link.Server, failAt, fault, _token);

        public Stream OtherEnd(Role role) => role == Role.Client ? _link.Server : _link.Client;

        public async ValueTask DisposeAsync()
        {
            if (Connection is not null)
            {
                Connection.Abort();
                CloseResult result = await Connection.Closed.Soon();
                if (result.Cause == CloseCause.TransportFailed && result.Exception is not null)
                    Assert.IsType<IOException>(result.Exception, exactMatch: false);
                await Connection.DisposeAsync().Soon(); // the last lease
            }

            _link.Reset();
            await Settle.UntilAsync(() =>
            {
                Time.Advance(TimeSpan.FromMilliseconds(250));
                return Peer is null or { IsCompleted: true };
            });
            if (Peer is not null && await Peer is { } peer)
                await peer.DisposeAsync().Soon();
            await Settle.UntilAsync(() => !OwnsStream || _faulty is null or { IsDisposed: true }, () => $"n = {failAt}: the stream was left open");
            var pool = (CountingPool)_buffers.Arrays;
            await Settle.UntilAsync(() => pool.Outstanding == 0 && _buffers.SlabsHeld == 0, () =>
                $"n = {failAt}: {_buffers.SlabsHeld} slabs held, {pool.Outstanding} arrays out");
            _token.Dispose();
        }
    }
}
