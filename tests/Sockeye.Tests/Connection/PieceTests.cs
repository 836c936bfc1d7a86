using System.Net.WebSockets;
using System.Text;
using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>Messages that are received in pieces: what has come is there before the rest, nothing is held whole, and all rules hold.</summary>
public sealed class PieceTests
{
    private static readonly Func<WebSocketConnectionOptions, WebSocketConnectionOptions> InPieces =
        options => options with { ReceiveInPieces = true };

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Piece_is_there_before_the_rest_of_its_message(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role, InPieces);
        byte[] frame = peer.Frame(Opcode.Continuation, "456789"u8);
        byte[][] arriving = [peer.Frame(Opcode.Text, "123"u8, isFinal: false), frame[..^4], frame[^4..], peer.TextFrame("all")];
        List<string> seen = [];
        foreach (byte[] bytes in arriving)
        {
            await peer.SendAsync(bytes);
            seen.Add(Describe(await peer.Connection.ReceiveAsync().Soon()));
        }

        Assert.Equal(["Text First 123", "Text Middle 45", "Text Last 6789", "Text Whole all"], seen);
    }

    [Fact]
    public async Task Events_give_control_frames_between_the_pieces()
    {
        await using RawPeer peer = RawPeer.Open(configure: InPieces);
        Task<List<string>> reading = Task.Run(async () =>
        {
            List<string> seen = [];
            await foreach (WebSocketEvent e in peer.Connection.ReadEventsAsync())
                seen.Add(e.Kind is WebSocketEventKind.Text ? Describe(e.Message) : EventLog.Describe(e));
            return seen;
        });
        await peer.SendAsync(
            peer.TextFrame("a", isFinal: false),
            peer.Frame(Opcode.Ping, "1"u8),
            peer.Frame(Opcode.Continuation, [], isFinal: false),
            peer.Frame(Opcode.Continuation, "b"u8, isFinal: false),
            peer.Frame(Opcode.Pong, "2"u8),
            peer.Frame(Opcode.Continuation, []),
            peer.Frame(Opcode.Text, []),
            peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.Equal(["Text First a", "Ping 1", "Text Middle b", "Pong 2", "Text Last ", "Text Whole ", "Close 1000 "], await reading.Soon());
    }

    [Fact]
    public async Task Callback_gets_pieces_one_at_a_time()
    {
        await using RawPeer peer = RawPeer.Create(configure: InPieces);
        List<string> seen = [];
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (_, message) =>
            {
                await Task.Yield();
                seen.Add(Describe(message));
            },
        });
        await peer.SendAsync(
            peer.TextFrame("a", isFinal: false), peer.Frame(Opcode.Continuation, "b"u8), peer.Frame(Opcode.Binary, "c"u8), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handled.Soon();
        Assert.Equal(["Text First a", "Text Last b", "Binary Whole c"], seen);
    }

    [Theory]
    [InlineData(Carrier.Memory)]
    [InlineData(Carrier.EventLoop)]
    public async Task Large_message_that_nobody_reads_stops_the_peer_and_is_never_held(Carrier carrier)
    {
        const int ReadAhead = 10_000;
        await using RawPeer peer = await RawPeer.OpenAsync(
            carrier, configure: o => o with { ReceiveInPieces = true, ReadAhead = ReadAhead, MaxMessageSize = 0 });
        byte[] payload = EventLog.Payload(24 << 20);
        Task sent = peer.SendAsync(peer.Frame(Opcode.Binary, payload));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        Assert.False(sent.IsCompleted);

        var joined = new MemoryStream(payload.Length);
        bool isLast;
        do
        {
            WebSocketMessage piece = await peer.Connection.ReceiveAsync().Soon();
            joined.Write(piece.Span);
            isLast = piece.EndsMessage;
        }
        while (!isLast);

        await sent.Soon();
        Assert.True(joined.ToArray().AsSpan().SequenceEqual(payload));
        Assert.InRange(peer.Pool.PeakBytes, 0, 1 << 20);
    }

    [Theory]
    [InlineData("€", 1)]
    [InlineData("€", 2)]
    [InlineData("😀", 3)]
    public async Task Text_may_break_inside_a_character(string text, int at)
    {
        await using RawPeer peer = RawPeer.Open(configure: InPieces);
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        await peer.SendAsync(peer.Frame(Opcode.Text, bytes.AsSpan(..at), isFinal: false), peer.Frame(Opcode.Continuation, bytes.AsSpan(at..)));
        Assert.Equal(bytes[..at], (await peer.Connection.ReceiveAsync().Soon()).ToArray());
        Assert.Equal(bytes[at..], (await peer.Connection.ReceiveAsync().Soon()).ToArray());
    }

    [Theory]
    [InlineData("invalid", 1007)]
    [InlineData("unfinished", 1007)]
    [InlineData("too large", 1009)]
    [InlineData("too many", 1008)]
    [InlineData("interleaved", 1002)]
    public async Task Rule_broken_in_the_middle_ends_the_connection_behind_what_came_before(string how, int code)
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReceiveInPieces = true, MaxMessageSize = 5, MaxFragments = 3 });
        Task<List<string>> reading = ReadAsync(peer.Connection);
        await peer.SendAsync(peer.TextFrame("abc", isFinal: false));
        await peer.SendAsync(how switch
        {
            "invalid" => peer.Frame(Opcode.Continuation, [0xC3, 0x28], isFinal: false),
            "unfinished" => peer.Frame(Opcode.Continuation, [0xC3]),
            "too large" => peer.Frame(Opcode.Continuation, "def"u8),
            "too many" => [.. Enumerable.Repeat(peer.Frame(Opcode.Continuation, [], isFinal: false), 3).SelectMany(frame => frame)],
            _ => peer.TextFrame("x"),
        });
        Assert.Equal(code, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        Assert.Equal(["Text First abc", $"Threw {code}"], await reading.Soon());
        Assert.Equal(CloseCause.Violation, (await peer.Connection.Closed.Soon()).Cause);
    }

    [Fact]
    public async Task Read_cancelled_in_the_middle_loses_nothing()
    {
        await using RawPeer peer = RawPeer.Open(configure: InPieces);
        await peer.SendAsync(peer.TextFrame("a", isFinal: false));
        List<string> seen = [Describe(await peer.Connection.ReceiveAsync().Soon())];
        using var cancel = new CancellationTokenSource();
        Task<WebSocketMessage> waiting = peer.Connection.ReceiveAsync(cancel.Token).AsTask();
        await Settle.UntilAsync(() => peer.Connection.Receive.IsReaderWaiting);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.Soon());
        await peer.SendAsync(peer.Frame(Opcode.Continuation, "b"u8, isFinal: false), peer.Frame(Opcode.Continuation, "c"u8));
        seen.Add(Describe(await peer.Connection.ReceiveAsync().Soon()));
        seen.Add(Describe(await peer.Connection.ReceiveAsync().Soon()));
        Assert.Equal(["Text First a", "Text Middle b", "Text Last c"], seen);
    }

    [Fact]
    public async Task C2_Piece_dropped_after_our_Close_takes_those_behind_it_with_it()
    {
        await using RawPeer peer = RawPeer.Open(configure: InPieces);
        await peer.SendAsync(peer.TextFrame("a", isFinal: false));
        Assert.Equal("Text First a", Describe(await peer.Connection.ReceiveAsync().Soon()));
        Task closing = peer.Connection.CloseAsync();
        Assert.Equal(Opcode.Close, (await peer.ReadFrameAsync())!.Opcode);
        await peer.SendAsync(peer.Frame(Opcode.Continuation, "b"u8, isFinal: false));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsIgnoring); // nobody waits for it
        Task<WebSocketMessage> next = peer.Connection.ReceiveAsync().AsTask();
        await peer.SendAsync(peer.Frame(Opcode.Continuation, "c"u8), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.True((await next.Soon()).IsEnd);
        await closing.Soon();
    }

    [Fact]
    public async Task C2_Piece_dropped_while_a_callback_waits_for_the_end_takes_those_behind_it_with_it()
    {
        await using RawPeer peer = RawPeer.Create(configure: InPieces);
        List<string> seen = [];
        var dropped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (socket, message) =>
            {
                seen.Add(Describe(message));
                _ = socket.CloseAsync();
                await dropped.Task;
            },
        });
        await peer.SendAsync(peer.TextFrame("a", isFinal: false));
        Assert.Equal(Opcode.Close, (await peer.ReadFrameAsync())!.Opcode);
        await peer.SendAsync(peer.Frame(Opcode.Continuation, "b"u8, isFinal: false));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsIgnoring);
        dropped.SetResult();
        await peer.SendAsync(peer.Frame(Opcode.Continuation, "c"u8), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handled.Soon();
        Assert.Equal(["Text First a"], seen);
    }

    [Fact]
    public async Task What_needs_a_whole_message_throws_for_a_piece()
    {
        await using RawPeer peer = RawPeer.Open(configure: InPieces);
        await peer.SendAsync(peer.TextFrame("a", isFinal: false), peer.Frame(Opcode.Continuation, "b"u8), peer.TextFrame("\"whole\""));
        for (int i = 0; i < 2; i++)
        {
            WebSocketMessage piece = await peer.Connection.ReceiveAsync().Soon();
            foreach (Action use in (Action[])
            [
                () => piece.GetText(), () => piece.ToOwned(), () => piece.GetJson(Json.SampleJson.Default.String),
                () => _ = peer.Connection.SendAsync(piece).IsCompleted,
            ])
            {
                Assert.Contains("piece", Assert.Throws<InvalidOperationException>(use).Message, StringComparison.Ordinal);
            }

            Assert.Equal(i == 0 ? "a"u8.ToArray() : "b"u8.ToArray(), piece.ToArray());
        }

        WebSocketMessage whole = await peer.Connection.ReceiveAsync().Soon();
        Assert.Equal(("\"whole\"", "whole"), (whole.GetText(), whole.GetJson(Json.SampleJson.Default.String)));
        await peer.Connection.SendAsync(whole);
        Assert.Equal("\"whole\"", (await peer.ReadFrameAsync())!.Text);
    }

    [Fact]
    public async Task Adapters_take_pieces_as_they_come_and_say_where_a_message_ends()
    {
        await using RawPeer peer = RawPeer.Open(configure: InPieces);
        await peer.SendAsync(peer.TextFrame("abc", isFinal: false), peer.Frame(Opcode.Continuation, "d"u8), peer.TextFrame("e", isFinal: false));
        using WebSocket framework = peer.Connection.AsWebSocket();
        byte[] buffer = new byte[2];
        List<string> seen = [];
        for (int i = 0; i < 4; i++)
        {
            ValueWebSocketReceiveResult result = await framework.ReceiveAsync(buffer.AsMemory(), CancellationToken.None).Soon();
            seen.Add($"{Encoding.ASCII.GetString(buffer, 0, result.Count)} {result.EndOfMessage}");
        }

        Assert.Equal(["ab False", "c False", "d True", "e False"], seen);
        Stream stream = peer.Connection.AsStream(new() { LeaveOpen = true });
        await peer.SendAsync(peer.Frame(Opcode.Continuation, "f"u8, isFinal: false));
        Assert.Equal('f', await Task.Run(stream.ReadByte).Soon());
        Assert.Throws<ArgumentException>(() => peer.Connection.AsStream(new() { WholeMessages = true }));
        Assert.Throws<ArgumentException>(
            () => new EventWebSocket("ws://localhost", new WebSocketClientOptions { Connection = InPieces(WebSocketConnectionOptions.Default) }));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Compressed_messages_are_inflated_a_piece_at_a_time(bool isNative, bool keepsContext)
    {
        const int Size = 3_000_000;
        Codecs codecs = isNative ? Codecs.CreateNative() : Codecs.CreateFallback();
        await using Pair pair = new(codecs, keepsContext, 4 * Size);
        var random = new Random(5);
        byte[][] payloads = [new byte[Size], Compression.Samples.Words(random, Size).Select(c => (byte)c).ToArray(), "short"u8.ToArray(), []];
        Task sending = Task.Run(async () =>
        {
            foreach (byte[] payload in payloads)
                await pair.Sender.SendAsync(payload, WebSocketMessageKind.Binary, SendOptions.Compress);
        });
        foreach (byte[] payload in payloads)
        {
            var joined = new MemoryStream();
            bool isLast;
            do
            {
                WebSocketMessage piece = await pair.Receiver.ReceiveAsync().Soon();
                Assert.Equal(joined.Length == 0, piece.BeginsMessage);
                joined.Write(piece.Span);
                isLast = piece.EndsMessage;
            }
            while (!isLast);

            Assert.True(joined.ToArray().AsSpan().SequenceEqual(payload), $"{payload.Length} bytes");
        }

        await sending.Soon();
        Assert.InRange(pair.Pool.PeakBytes, 1, 1 << 20);
    }

    // V13
    [Fact]
    public async Task Bomb_that_nobody_reads_is_inflated_as_far_as_may_be_read_ahead_and_ends_at_the_limit()
    {
        const int Limit = 2_000_000;
        await using Pair pair = new(Codecs.CreateNative(), keepsContext: true, Limit);
        Task sending = pair.Sender.SendAsync(new byte[50_000_000], WebSocketMessageKind.Binary, SendOptions.Compress).AsTask();
        await Settle.UntilAsync(() => pair.Receiver.Receive.IsPaused);
        Assert.InRange(pair.Pool.PeakBytes, 1, 500_000);
        long read = 0;
        WebSocketClosedException end = await Assert.ThrowsAsync<WebSocketClosedException>(async () =>
        {
            while (true)
                read += (await pair.Receiver.ReceiveAsync().Soon()).Length;
        });
        Assert.Equal((CloseCode.MessageTooBig, CloseCause.Violation), (end.Result.Code, end.Result.Cause));
        Assert.Equal(Limit, read);
        await sending.Soon().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext); // it may have been accepted before the end
    }

    [Fact]
    public async Task Without_the_option_every_message_begins_and_ends_itself()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.TextFrame("a", isFinal: false), peer.Frame(Opcode.Continuation, "b"u8), peer.Frame(Opcode.Binary, [1]));
        Assert.Equal("Text Whole ab", Describe(await peer.Connection.ReceiveAsync().Soon()));
        Assert.Equal("Binary Whole \u0001", Describe(await peer.Connection.ReceiveAsync().Soon()));
    }

    private static Task<List<string>> ReadAsync(WebSocketConnection connection) => Task.Run(async () =>
    {
        List<string> seen = [];
        try
        {
            await foreach (WebSocketMessage piece in connection.ReadAllAsync())
                seen.Add(Describe(piece));
        }
        catch (WebSocketClosedException e)
        {
            seen.Add($"Threw {(int)e.Result.Code}");
        }

        return seen;
    });

    private static string Describe(WebSocketMessage piece)
    {
        string part = (piece.BeginsMessage, piece.EndsMessage) switch
        {
            (true, true) => "Whole",
            (true, false) => "First",
            (false, false) => "Middle",
            _ => "Last",
        };
        return EventLog.Describe($"{piece.Kind} {part}", piece.Span);
    }

    /// <summary>A client that compresses, and a server that receives in pieces.</summary>
    private sealed class Pair : IAsyncDisposable
    {
        public Pair(Codecs codecs, bool keepsContext, long limit)
        {
            PerMessageDeflateOptions deflate = PerMessageDeflateOptions.Default with { Codecs = codecs };
            var parameters = new DeflateParameters { ServerNoContextTakeover = !keepsContext, ClientNoContextTakeover = !keepsContext };
            var buffers = new BufferPool(new CountingPool());
            Pool = (CountingPool)buffers.Arrays;
            (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(buffers, BufferPool.Shared, 1 << 20);
            var options = new WebSocketConnectionOptions { ReceiveInPieces = true, MaxMessageSize = limit, Buffers = buffers };
            Receiver = new WebSocketConnection(
                own, Role.Server, options, new ConnectionDetails { Deflate = new DeflateAgreement(Role.Server, parameters, deflate) }, []);
            Sender = new WebSocketConnection(
                peer,
                Role.Client,
                WebSocketConnectionOptions.Default,
                new ConnectionDetails { Deflate = new DeflateAgreement(Role.Client, parameters, deflate) },
                []);
            Receiver.Start();
            Sender.Start();
        }

        public CountingPool Pool { get; }

        public WebSocketConnection Receiver { get; }

        public WebSocketConnection Sender { get; }

        public async ValueTask DisposeAsync()
        {
            Receiver.Abort();
            Sender.Abort();
            await Receiver.DisposeAsync();
            await Sender.DisposeAsync();
            await Settle.UntilAsync(() => Pool.Outstanding == 0, () => string.Join("\n---\n", Pool.Traces));
        }
    }
}
