using System.Buffers.Binary;
using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Client;
using Sockeye.Tests.Compression;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Attacks;

/// <summary>Compressed data that is meant to hurt. Rows V13–V18 and V20 of the attack catalogue, on whole connections; the codecs by
/// themselves: InflaterTests, and what a message is, byte by byte: CompressedSessions.</summary>
public sealed class DeflateAttackTests
{
    private const int MiB = 1024 * 1024;
    private const string Hello = "f248cdc9c90700";
    private const string HelloFinal = "f348cdc9c90700";

    // V15: messages with blocks that say that they are the last one, and what comes of them.
    private static readonly (string Hex, string Text)[] Finals =
    [
        (HelloFinal + "00", "Hello"), (HelloFinal + HelloFinal + "00", "HelloHello"), (HelloFinal + Hello, "HelloHello"),
        ("0300" + HelloFinal + "0300" + "0300" + "00", "Hello"), ("010500faff48656c6c6f" + "00", "Hello"),
        ("010500faff48656c6c6f" + HelloFinal + "00", "HelloHello"), ("01", ""), ("010000ffff00", ""), ("030000", ""),
        ("f248cdc9c907000000ffff01", "Hello"), (HelloFinal + "000000ffff00", "Hello"), (HelloFinal + "000500faff48656c6c6f00", "HelloHello"),
    ];

    // V16: garbage, and what breaks off.
    private static readonly string[] Wrong =
    [
        "", "f248cd", "f248cdc9c907", "06", "f248cdc9c907000000ffff", "000500faee48656c6c6f00", "000500faff4865", "f2001100", "1b1b00",
        "f4ffff", "04c0", "04fe3f9224499224490000", "ffffffff", "48656c6c6f", "0000", HelloFinal, HelloFinal + "ffff", HelloFinal + "f200110000",
    ];

    private static readonly string[] WrongParameters =
    [
        "server_max_window_bits=0", "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=99",
        "server_max_window_bits=008", "server_max_window_bits=\"\"", "server_max_window_bits", "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=\"+8\"", "unknown=1", "server_no_context_takeover=1",
        "client_no_context_takeover; client_no_context_takeover",
    ];

    private static readonly Codecs[] Shared = [CodecKind.Native.Create(), CodecKind.Fallback.Create()];

    public static TheoryData<Role, bool, CodecKind> Rows =>
        new MatrixTheoryData<Role, bool, CodecKind>(Enum.GetValues<Role>(), [false, true], Enum.GetValues<CodecKind>());

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task V13_Bomb_of_a_gibibyte_ends_at_the_limit_and_costs_no_more_than_that(
        Role role, bool keepsContext, CodecKind kind)
    {
        byte[] bomb = Bomb(mebibytes: 1024);
        foreach (int fragment in (int[])[bomb.Length, 1000])
        {
            await using RawPeer peer = Open(role, keepsContext, o => o with { MaxMessageSize = MiB, MaxFragments = 0 }, Shared[(int)kind]);
            Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
            Task sending = Task.Run(async () =>
            {
                for (int at = 0; at < bomb.Length; at += fragment)
                {
                    byte first = (byte)((at == 0 ? 0x42 : 0) | (at + fragment >= bomb.Length ? 0x80 : 0));
                    await peer.SendAsync(Wire.Raw(first, bomb.AsSpan(at, Math.Min(fragment, bomb.Length - at)), role == Role.Server));
                }

                await peer.Transport.ShutdownAsync();
            });
            Assert.Equal([1009], (await peer.ReadToEndAsync()).Select(frame => frame.CloseCode));
            await sending.Soon();
            Assert.Equal(["Threw 1009"], await reading.Soon());
            Assert.Equal(Rule.MessageMustFitLimit, (await peer.Connection.Closed).Violation?.Rule);
            Assert.InRange(peer.Pool.PeakBytes, MiB, MiB + (MiB / 4) + (32 * 1024));
        }
    }

    [Fact]
    public async Task V13_Bomb_in_a_bomb_is_inflated_once()
    {
        byte[] inner = Bomb(mebibytes: 64);
        using var deflater = new MessageDeflater(CodecKind.Native.Deflaters(), keepsContext: false);
        await using RawPeer peer = Open(Role.Server, keepsContext: true);
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        await peer.SendAsync(Wire.Raw(0xC2, deflater.Compress(inner), isMasked: true), peer.CloseFrame());
        await peer.ReadToEndAsync();
        await peer.Transport.ShutdownAsync();
        Assert.Equal([EventLog.Describe("Binary", inner)], await reading.Soon());
    }

    [Fact]
    public async Task V13_Many_small_bombs_that_nobody_reads_wait_in_the_transport()
    {
        const int Count = 100;
        using var deflater = new MessageDeflater(CodecKind.Native.Deflaters(), keepsContext: false);
        byte[] bomb = Wire.Raw(0xC2, deflater.Compress(new byte[MiB]), isMasked: true);
        await using RawPeer peer = Open(Role.Server, keepsContext: false);
        Task sending = Task.Run(async () =>
        {
            for (int i = 0; i < Count; i++)
                await peer.SendAsync(bomb);
            await peer.SendAsync(peer.CloseFrame());
            await peer.Transport.ShutdownAsync();
        });
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        Assert.InRange(peer.Pool.PeakBytes, MiB, 2 * MiB);
        List<string> messages = await EventLog.ReadMessagesAsync(peer.Connection).Soon();
        await sending.Soon();
        Assert.Equal(Enumerable.Repeat(EventLog.Describe("Binary", new byte[MiB]), Count), messages);
        Assert.InRange(peer.Pool.PeakBytes, MiB, 4 * MiB);
    }

    [Fact]
    public async Task V14_Wrong_parameters_in_a_response_fail_the_client_with_their_name()
    {
        foreach (string parameters in WrongParameters)
        {
            using var server = new RawServer();
            Task answering = server.AnswerAsync(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
                + $"Sec-WebSocket-Extensions: permessage-deflate; {parameters}\r\n\r\n");
            var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(server.Uri).Soon());
            await answering;
            Assert.Contains(parameters.Split("; ")[^1].Split('=')[0], thrown.Message, StringComparison.Ordinal);
            await server.AssertClientEndsAsync();
        }
    }

    [Fact]
    public async Task V14_Wrong_parameters_in_an_offer_are_declined_by_a_server_that_serves()
    {
        await using ServerTest test = await ServerTest.EchoAsync(accept: new() { PerMessageDeflate = PerMessageDeflateOptions.Default });
        foreach (string parameters in WrongParameters.Where(wrong => wrong != "server_max_window_bits=\"\""))
        {
            using RawClient client = await RawClient.ConnectAsync(test.Server);
            await client.SendAsync(RawClient.Request(
                test.Server, headers: $"Sec-WebSocket-Extensions: permessage-deflate; {parameters}\r\n"));
            string head = await client.ReadHeadAsync();
            Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
            Assert.DoesNotContain("Extensions", head, StringComparison.OrdinalIgnoreCase);
            await client.SendFrameAsync(Opcode.Text, parameters);
            Assert.Equal(parameters, await client.ReadTextAsync());
        }

        await test.AssertServesAsync();
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task V15_Final_blocks_in_pieces_of_any_size_are_read_on_and_so_is_the_next_message(
        Role role, bool keepsContext, CodecKind kind)
    {
        for (int piece = 1; piece <= 64; piece++)
        {
            await using RawPeer peer = Open(role, keepsContext, codecs: Shared[(int)kind]);
            Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
            byte[] wire = [.. Finals.SelectMany(final => Compressed(role, final.Hex).Concat(Compressed(role, Hello)))];
            foreach (byte[] bytes in wire.Chunk(piece))
                await peer.SendAsync(bytes);
            await peer.SendAsync(peer.CloseFrame());
            Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
            await peer.Transport.ShutdownAsync();
            Assert.Empty(await peer.ReadToEndAsync());
            Assert.Equal(Finals.SelectMany(final => (string[])["Text " + final.Text, "Text Hello"]), await reading.Soon());
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task V16_Data_that_is_wrong_or_breaks_off_is_1007_and_what_was_good_before_it_is_delivered(
        Role role, bool keepsContext, CodecKind kind)
    {
        foreach (string hex in Wrong)
        {
            foreach (int piece in (int[])[1, 3, 1000])
            {
                await using RawPeer peer = Open(role, keepsContext, codecs: Shared[(int)kind]);
                Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
                // An empty message is a block of its own, and valid.
                byte[] wire = [.. Compressed(role, Hello), .. Compressed(role, "00"), .. Compressed(role, hex), .. Compressed(role, Hello)];
                foreach (byte[] bytes in wire.Chunk(piece))
                    await peer.SendAsync(bytes);
                await peer.Transport.ShutdownAsync();
                Assert.Equal([1007], (await peer.ReadToEndAsync()).Select(frame => frame.CloseCode));
                Assert.Equal(["Text Hello", "Text ", "Threw 1007"], await reading.Soon());
                Assert.Equal(Rule.CompressedDataMustBeValid, (await peer.Connection.Closed).Violation?.Rule);
            }
        }
    }

    // Besides: DeflatedSendTests, and CodecPoolTests for the native stream.
    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    [Trait("Category", "Repeated")]
    public async Task V17_Cancel_dispose_and_abort_that_race_the_codecs_leave_whole_messages_or_an_end(CodecKind kind)
    {
        Codecs codecs = kind.Create();
        await Parallel.ForAsync(
            0,
            Repeat.Times(ordinary: 200, full: 100_000),
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            async (seed, _) => await RaceAsync(seed, codecs).WaitAsync(RawClient.Patience, CancellationToken.None));
        await Settle.UntilAsync(
            () => codecs.Inflaters.Rented == 0 && Deflaters(codecs).Rented == 0,
            () => $"{codecs.Inflaters.Rented} inflaters and {Deflaters(codecs).Rented} deflaters are out.");
    }

    [Theory]
    [InlineData(true, SendOptions.None, true)]
    [InlineData(true, SendOptions.Sensitive, false)]
    [InlineData(true, SendOptions.DoNotCompress, false)]
    [InlineData(false, SendOptions.None, false)]
    public async Task V18_Guess_of_a_secret_shows_in_its_length_only_where_they_share_a_context(
        bool keepsContext, SendOptions ofSecret, bool shows)
    {
        byte[] secret = "session=4f9c81d2e7a35b60c1"u8.ToArray();
        int right = await LengthOfAsync(secret);
        int wrong = await LengthOfAsync("session=7a21e5b8093cd64f17"u8.ToArray());
        Assert.Equal(shows, right < wrong);
        if (!shows)
            Assert.Equal(wrong, right);

        async Task<int> LengthOfAsync(byte[] guess)
        {
            await using RawPeer peer = Open(Role.Server, keepsContext);
            await peer.Connection.SendAsync(secret, WebSocketMessageKind.Binary, ofSecret);
            await peer.Connection.SendAsync(guess, WebSocketMessageKind.Binary, SendOptions.Compress);
            await peer.ReadFrameAsync();
            ReceivedFrame frame = (await peer.ReadFrameAsync())!;
            Assert.True(frame.IsCompressed);
            return frame.Payload.Length;
        }
    }

    [Fact]
    public async Task V18_Server_compresses_nothing_unless_told_to_and_the_documentation_says_why()
    {
        Assert.Null(WebSocketAcceptOptions.Default.PerMessageDeflate);
        await using ServerTest test = await ServerTest.EchoAsync();
        using RawClient client = await RawClient.ConnectAsync(test.Server);
        await client.SendAsync(RawClient.Request(test.Server, headers: "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
        Assert.DoesNotContain("Extensions", await client.ReadHeadAsync(), StringComparison.OrdinalIgnoreCase);
        string documentation = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Sockeye.xml"));
        Assert.Contains("CRIME, BREACH; RFC 7692, section 8", documentation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task V20_Ten_megabytes_of_empty_blocks_are_an_empty_message_and_hold_nothing(Role role)
    {
        byte[] blocks = [.. Enumerable.Repeat<byte[]>([0x00, 0x00, 0x00, 0xFF, 0xFF], 2_000_000).SelectMany(b => b), 0x00];
        await using RawPeer peer = Open(role, keepsContext: false);
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        await peer.SendAsync(Wire.Raw(0xC2, blocks, role == Role.Server), peer.CloseFrame());
        await peer.ReadFrameAsync();
        await peer.Transport.ShutdownAsync();
        Assert.Equal(["Binary "], await reading.Soon());
        Assert.InRange(peer.Pool.PeakBytes, 0, 512 * 1024);
    }

    /// <summary>Makes an agreement on permessage-deflate.</summary>
    internal static DeflateAgreement Agree(Role role, bool keepsContext, Codecs? codecs = null) => new(
        role,
        new DeflateParameters { ServerNoContextTakeover = !keepsContext, ClientNoContextTakeover = !keepsContext },
        PerMessageDeflateOptions.Default with { Codecs = codecs ?? Codecs.Shared });

    /// <summary>Gets the pool of the compressors that such an agreement uses.</summary>
    internal static CodecPool<Deflater> Deflaters(Codecs codecs)
    {
        PerMessageDeflateOptions options = PerMessageDeflateOptions.Default;
        return codecs.Deflaters(new DeflaterSettings(options.Level, DeflateParameters.MaxWindowBits, options.MemoryLevel, (int)options.Strategy));
    }

    private static RawPeer Open(
        Role role,
        bool keepsContext,
        Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure = null,
        Codecs? codecs = null)
    {
        RawPeer peer = RawPeer.Create(role, configure, deflate: Agree(role, keepsContext, codecs));
        peer.Connection.Start();
        return peer;
    }

    private static byte[] Compressed(Role role, string hex) => Wire.Raw(0xC1, Convert.FromHexString(hex), role == Role.Server);

    /// <summary>Makes compressed zeros: the second mebibyte and all others after it are the same bytes again.</summary>
    private static byte[] Bomb(int mebibytes)
    {
        using var deflater = new MessageDeflater(CodecKind.Native.Deflaters(), keepsContext: true);
        byte[] first = deflater.Compress(new byte[MiB], endsMessage: false);
        byte[] next = deflater.Compress(new byte[MiB], endsMessage: false);
        return [.. first, .. Enumerable.Repeat(next, mebibytes - 1).SelectMany(bytes => bytes), 0x00];
    }

    private static async Task RaceAsync(int seed, Codecs codecs)
    {
        const int Count = 12;
        var random = new Random(seed);
        bool keepsContext = random.Next(2) == 0;
        Role role = (Role)(seed % 2);
        await using RawPeer peer = Open(role, keepsContext, o => o with { IdleTimeout = TimeSpan.Zero }, codecs);
        WebSocketConnection socket = peer.Connection;
        using var cancel = new CancellationTokenSource();
        int how = random.Next(5);
        int spins = random.Next(20_000);
        int size = random.Next(3) == 0 ? 40_000 : 600;
        bool[] wasSent = new bool[Count];

        // What the peer sends is compressed too, in one context, and the reader sees all of it or the end.
        using var deflater = new MessageDeflater(CodecKind.Native.Deflaters(), keepsContext);
        byte[] toReader = [.. Enumerable.Range(0, Count).SelectMany(i => Wire.Raw(0xC2, deflater.Compress(Payload(i, 300)), role == Role.Server))];
        Task feeding = QuietlyAsync(() => peer.SendAsync(toReader, toReader.Length % 3 == 0 ? [] : peer.Frame(Opcode.Pong, [])));
        Task reading = QuietlyAsync(async () =>
        {
            int next = 0;
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
                Assert.True(message.Span.SequenceEqual(Payload(next++, 300)), $"seed {seed}: message {next - 1} came torn.");
        });
        Task sending = Task.Run(() => Task.WhenAll(Enumerable.Range(0, Count).Select(async i =>
        {
            try
            {
                await socket.SendAsync(Payload(i, size), cancellationToken: i % 2 == 0 ? cancel.Token : default);
                wasSent[i] = true;
            }
            catch (Exception e) when (e is OperationCanceledException or WebSocketClosedException)
            {
                // Withdrawn, or ended under it.
            }
        })));
        Task ending = Task.Run(async () =>
        {
            Thread.SpinWait(spins);
            await cancel.CancelAsync();
            Thread.SpinWait(spins);
            if (how == 0)
                socket.Abort();
            else if (how == 1)
                _ = socket.DisposeAsync().AsTask();
            else if (how == 2)
                peer.Transport.Abort();
        });

        List<int> arrived = [];
        using var inflater = new MessageInflater(CodecKind.Native.Inflaters(), keepsContext);
        Task closing = how < 3 ? Task.CompletedTask : CloseAsync();
        await QuietlyAsync(async () =>
        {
            while (await peer.ReadFrameAsync() is { } frame && frame.Opcode != Opcode.Close)
            {
                byte[]? message = frame.IsCompressed ? inflater.Inflate(frame.Payload) : frame.Payload;
                Assert.NotNull(message);
                arrived.Add(BinaryPrimitives.ReadInt32BigEndian(message));
                Assert.True(message.AsSpan().SequenceEqual(Payload(arrived[^1], size)), $"seed {seed}: message {arrived[^1]} left torn.");
            }

            await peer.SendAsync(peer.CloseFrame());
            await peer.Transport.ShutdownAsync();
        });
        await Task.WhenAll(feeding, sending, ending, closing, reading).Soon();
        Assert.Equal(arrived.Distinct().Order(), arrived);
        if (how >= 3)
            Assert.Equal(Enumerable.Range(0, Count).Where(i => wasSent[i]), arrived);

        async Task CloseAsync()
        {
            await Task.WhenAll(sending, ending);
            _ = socket.CloseAsync();
        }
    }

    private static byte[] Payload(int index, int size)
    {
        byte[] payload = new byte[size];
        BinaryPrimitives.WriteInt32BigEndian(payload, index);
        for (int i = 4; i < size; i++)
            payload[i] = (byte)((i * (index + 3)) >> 3 & 0x1F);
        return payload;
    }

    private static async Task QuietlyAsync(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The connection was ended under it.
        }
    }
}
