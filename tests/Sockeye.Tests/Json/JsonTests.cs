using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sockeye.Protocol;
using Sockeye.Tests.Compression;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Json;

/// <summary>Values as messages: written as the serializer writes them, read as it reads them, and what is wrong with one does nothing to the
/// connection.</summary>
public sealed class JsonTests
{
    // That of the serializer, unless its options say otherwise.
    private const int JsonDepth = 64;

    public static TheoryData<Role, int> RolesAndSizes => new(
        from role in Enum.GetValues<Role>() from notes in new[] { 0, 1, 100, 1_000, 1_500, 100_000 } select (role, notes));

    [Theory]
    [MemberData(nameof(RolesAndSizes))]
    public async Task SendJsonAsync_sends_one_text_message_as_the_serializer_writes_it(Role role, int notes)
    {
        await using RawPeer peer = RawPeer.Open(role, capacity: 8 << 20);
        var order = Order.OfSize(notes);
        await peer.Connection.SendJsonAsync(order, SampleJson.Default.Order).Soon();
        await peer.Connection.SendJsonAsync("next", SampleJson.Default.String).Soon();
        Assert.Equal(JsonSerializer.SerializeToUtf8Bytes(order, SampleJson.Default.Order), await ReadTextAsync(peer));
        Assert.Equal("\"next\""u8.ToArray(), await ReadTextAsync(peer));
    }

    [Fact]
    public async Task SendJsonAsync_keeps_the_options_of_each_type_in_turn()
    {
        await using RawPeer peer = RawPeer.Open();
        var relaxed = new SampleJson(new(SampleJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        var order = Order.OfSize(3);
        foreach (JsonTypeInfo<Order> info in (JsonTypeInfo<Order>[])
            [SampleJson.Default.Order, IndentedJson.Default.Order, relaxed.Order, SampleJson.Default.Order, relaxed.Order])
        {
            await peer.Connection.SendJsonAsync(order, info);
            Assert.Equal(JsonSerializer.Serialize(order, info), Encoding.UTF8.GetString(await ReadTextAsync(peer)));
        }

        Ring deep = new();
        for (int i = 0; i < 150; i++)
            deep = new Ring { Next = deep };
        await peer.Connection.SendJsonAsync(deep, IndentedJson.Default.Ring);
        Assert.Equal(JsonSerializer.SerializeToUtf8Bytes(deep, IndentedJson.Default.Ring), await ReadTextAsync(peer));
    }

    [Fact]
    public async Task SendJsonAsync_compresses_where_that_was_agreed_on()
    {
        await using RawPeer peer = DeflatedPeer.Open(Role.Server, keepsContext: true);
        var inflater = new PeerInflater(keepsContext: true);
        foreach (int notes in (int[])[500, 20_000, 500])
        {
            var order = Order.OfSize(notes);
            await peer.Connection.SendJsonAsync(order, SampleJson.Default.Order).Soon();
            (ReceivedFrame message, bool isCompressed) = await DeflatedPeer.ReadAsync(peer, inflater);
            Assert.Equal((Opcode.Text, true), (message.Opcode, isCompressed));
            Assert.Equal(JsonSerializer.SerializeToUtf8Bytes(order, SampleJson.Default.Order), message.Payload);
        }

        await peer.Connection.SendJsonAsync(Order.OfSize(500), SampleJson.Default.Order, SendOptions.DoNotCompress);
        Assert.False((await DeflatedPeer.ReadAsync(peer, inflater)).IsCompressed);
    }

    [Fact]
    public async Task SendJsonAsync_of_what_cannot_be_written_throws_and_sends_nothing()
    {
        await using RawPeer peer = RawPeer.Open();
        var ring = new Ring();
        ring.Next = ring;
        // Which of the two depends on the code that was generated, as with the serializer itself.
        Assert.True(Assert.ThrowsAny<Exception>(() => Send(ring, SampleJson.Default.Ring)) is JsonException or InvalidOperationException);
        Ring deep = new();
        for (int i = 0; i < JsonDepth; i++)
            deep = new Ring { Next = deep };
        Assert.True(Assert.ThrowsAny<Exception>(() => Send(deep, SampleJson.Default.Ring)) is JsonException or InvalidOperationException);
        Assert.Throws<FormatException>(() => Send(
            new Script(writer =>
            {
                writer.WriteStartArray();
                writer.WriteStringValue(new string('x', 100_000));
                throw new FormatException();
            }),
            SampleJson.Default.Script));
        ArgumentException refused = Assert.Throws<ArgumentException>(() => Send(
            new Script(writer => writer.WriteRawValue([(byte)'"', 0xFF, (byte)'"'], skipInputValidation: true)), SampleJson.Default.Script));
        Assert.Contains("UTF-8", refused.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => Send("x", null!));

        await peer.Connection.SendJsonAsync("sound", SampleJson.Default.String);
        Assert.Equal("\"sound\""u8.ToArray(), await ReadTextAsync(peer));

        void Send<T>(T value, JsonTypeInfo<T> info) => _ = peer.Connection.SendJsonAsync(value, info).IsCompleted;
    }

    [Fact]
    public async Task SendJsonAsync_from_inside_a_converter_goes_before_what_is_being_written()
    {
        await using RawPeer peer = RawPeer.Create();
        Task handled = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await socket.ReceiveAsync(cancel);
            await socket.SendJsonAsync(
                new Script(writer =>
                {
                    writer.WriteStartArray();
                    writer.WriteNumberValue(1);
                    _ = socket.SendJsonAsync("inner", SampleJson.Default.String, cancel);
                    writer.WriteEndArray();
                }),
                SampleJson.Default.Script,
                cancel);
        });
        await peer.SendTextAsync("go");
        Assert.Equal("\"inner\""u8.ToArray(), await ReadTextAsync(peer));
        Assert.Equal("[1]"u8.ToArray(), await ReadTextAsync(peer));
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task SendJsonAsync_with_a_cancelled_token_sends_nothing_and_after_the_close_throws()
    {
        await using RawPeer peer = RawPeer.Open();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => peer.Connection.SendJsonAsync("never", SampleJson.Default.String, new CancellationToken(canceled: true)).AsTask());
        Task closing = peer.Connection.CloseAsync();
        await Assert.ThrowsAsync<WebSocketClosedException>(
            () => peer.Connection.SendJsonAsync(Order.OfSize(0), SampleJson.Default.Order).AsTask());
        await Assert.ThrowsAsync<WebSocketClosedException>(
            () => peer.Connection.SendJsonAsync(Order.OfSize(10_000), SampleJson.Default.Order).AsTask());
        Assert.Equal(Opcode.Close, (await peer.ReadFrameAsync())!.Opcode);
        peer.Connection.Abort();
        await closing.Soon();
    }

    [Fact]
    public async Task SendJsonAsync_from_many_threads_keeps_each_value_whole()
    {
        const int Senders = 4, Each = 200;
        await using RawPeer peer = RawPeer.Open(Role.Client, capacity: 8 << 20);
        Task sending = Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Run(async () =>
        {
            for (int i = 0; i < Each; i++)
                await peer.Connection.SendJsonAsync(new Order($"{sender}", i, Order.OfSize(i % 50).Notes), SampleJson.Default.Order);
        })));
        int[] next = new int[Senders];
        for (int i = 0; i < Senders * Each; i++)
        {
            Order order = JsonSerializer.Deserialize(await ReadTextAsync(peer), SampleJson.Default.Order)!;
            int expected = next[int.Parse(order.Item)]++;
            Assert.Equal((expected, expected % 50), (order.Count, order.Notes!.Count));
        }

        await sending.Soon();
        Assert.Equal(Enumerable.Repeat(Each, Senders), next);
    }

    [Theory]
    [InlineData(Opcode.Text, 3)]
    [InlineData(Opcode.Binary, 3)]
    [InlineData(Opcode.Text, 100_000)]
    public async Task GetJson_reads_what_lies_in_the_block_or_was_gathered(Opcode opcode, int notes)
    {
        await using RawPeer peer = RawPeer.Open();
        var order = Order.OfSize(notes);
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(order, SampleJson.Default.Order);
        Task sent = peer.SendAsync(peer.Frame(opcode, json), peer.TextFrame("null"));
        WebSocketMessage message = await peer.Connection.ReceiveAsync().Soon();
        Order read = message.GetJson(SampleJson.Default.Order)!;
        Assert.Equal((order.Item, order.Count), (read.Item, read.Count));
        Assert.Equal(order.Notes, read.Notes);
        Assert.Equal(order.Notes, message.ToOwned().GetJson(SampleJson.Default.Order)!.Notes);
        Assert.Null((await peer.Connection.ReceiveAsync().Soon()).GetJson(SampleJson.Default.Order));
        Assert.Throws<InvalidOperationException>(() => message.GetJson(SampleJson.Default.Order));
        Assert.Throws<InvalidOperationException>(() => default(WebSocketMessage).GetJson(SampleJson.Default.Order));
        await sent.Soon();
    }

    public static TheoryData<string, byte[]> WrongJson => new()
    {
        { "nothing", [] },
        { "text", "hello"u8.ToArray() },
        { "cut off", """{"item":"a","count":1"""u8.ToArray() },
        { "another type", """{"item":"a","count":"b"}"""u8.ToArray() },
        { "another shape", "[1,2]"u8.ToArray() },
        { "two values", """{"item":"a","count":1} {}"""u8.ToArray() },
        { "deeply nested", [.. Enumerable.Repeat((byte)'[', 100_000)] },
        { "deeply nested where it does not matter", [.. """{"other":"""u8, .. Enumerable.Repeat((byte)'[', 100_000)] },
        { "no UTF-8", [.. """{"item":" """u8, 0xFF, .. """ ","count":1}"""u8] },
    };

    [Theory]
    [MemberData(nameof(WrongJson))]
    public async Task GetJson_of_what_is_no_such_value_throws_and_leaves_message_and_connection_as_they_are(string name, byte[] wrong)
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.Frame(Opcode.Binary, wrong), peer.TextFrame("""{"item":"sound","count":2}"""));
        WebSocketMessage message = await peer.Connection.ReceiveAsync().Soon();
        Assert.Throws<JsonException>(() => message.GetJson(SampleJson.Default.Order));
        Assert.Equal(wrong, message.ToArray());
        message = await peer.Connection.ReceiveAsync().Soon();
        Assert.Equal(new Order("sound", 2), message.GetJson(SampleJson.Default.Order));
        Assert.True(peer.Connection.IsOpen, name);
    }

    [Fact]
    public async Task ReadAllJsonAsync_gives_the_values_in_order_and_ends_with_a_clean_close()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.TextFrame("[]"), peer.TextFrame("null"), peer.Frame(Opcode.Binary, "[1,2]"u8), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        List<List<int>?> values = [];
        await foreach (List<int>? value in peer.Connection.ReadAllJsonAsync(SampleJson.Default.ListInt32))
            values.Add(value); // it is no lease
        Assert.Equal([[], null, [1, 2]], values);
        Assert.True((await peer.Connection.Closed.Soon()).IsClean);
    }

    [Fact]
    public async Task ReadAllJsonAsync_throws_after_an_abnormal_end()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendTextAsync("[7]");
        await peer.Transport.ShutdownAsync();
        await using IAsyncEnumerator<List<int>?> values =
            peer.Connection.ReadAllJsonAsync(SampleJson.Default.ListInt32).GetAsyncEnumerator();
        Assert.True(await values.MoveNextAsync().Soon());
        Assert.Equal([7], values.Current);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => values.MoveNextAsync().Soon());
    }

    [Fact]
    public async Task ReadAllJsonAsync_ends_at_a_wrong_message_and_another_reads_on_behind_it()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.TextFrame("[1]"), peer.TextFrame("oops"), peer.TextFrame("[2]"), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        List<int> seen = [];
        await Assert.ThrowsAsync<JsonException>(ReadAsync);
        Assert.Equal([1], seen);
        await ReadAsync();
        Assert.Equal([1, 2], seen);

        async Task ReadAsync()
        {
            await foreach (List<int>? value in peer.Connection.ReadAllJsonAsync(SampleJson.Default.ListInt32))
                seen.AddRange(value!);
        }
    }

    [Fact]
    public async Task ReadAllJsonAsync_cancelled_loses_nothing()
    {
        await using RawPeer peer = RawPeer.Open();
        using var cancel = new CancellationTokenSource();
        await using (IAsyncEnumerator<string?> values =
            peer.Connection.ReadAllJsonAsync(SampleJson.Default.String, cancel.Token).GetAsyncEnumerator())
        {
            Task<bool> waiting = values.MoveNextAsync().AsTask();
            await Settle.UntilAsync(() => peer.Connection.Receive.IsReaderWaiting);
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.Soon());
        }

        await peer.SendTextAsync("\"kept\"");
        await using IAsyncEnumerator<string?> next = peer.Connection.ReadAllJsonAsync(SampleJson.Default.String).GetAsyncEnumerator();
        Assert.True(await next.MoveNextAsync().Soon());
        Assert.Equal("kept", next.Current);
    }

    [Fact]
    public async Task Handler_that_lets_wrong_JSON_escape_closes_with_1011_and_says_nothing_of_it()
    {
        await using RawPeer peer = RawPeer.Create();
        Task handled = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await foreach (string? _ in socket.ReadAllJsonAsync(SampleJson.Default.String, cancel))
            {
                // Nothing comes so far.
            }
        });
        await peer.SendTextAsync("{ secret");
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((1011, ""), (close.CloseCode, close.CloseReason));
        await peer.SendAsync(peer.CloseFrame(CloseCode.InternalError));
        await peer.Transport.ShutdownAsync();
        await handled.Soon();
        Assert.IsType<JsonException>((await peer.Connection.Closed.Soon()).Exception);
    }

    private static async Task<byte[]> ReadTextAsync(RawPeer peer)
    {
        List<byte> payload = [];
        ReceivedFrame frame;
        do
        {
            frame = (await peer.ReadFrameAsync())!;
            Assert.Equal(payload.Count == 0 ? Opcode.Text : Opcode.Continuation, frame.Opcode);
            payload.AddRange(frame.Payload);
        }
        while (!frame.IsFinal);

        return [.. payload];
    }
}
