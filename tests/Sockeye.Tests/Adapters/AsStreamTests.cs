using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Adapters;

/// <summary>A connection as a stream: what npm ws's <c>createWebSocketStream</c> is tested for, and what a <see cref="Stream"/> must keep.</summary>
public sealed class AsStreamTests
{
    private static readonly WebSocketStreamOptions Text = new() { MessageKind = WebSocketMessageKind.Text };
    private static readonly WebSocketStreamOptions Whole = new() { WholeMessages = true };

    [Theory]
    [InlineData(WebSocketMessageKind.Text, Opcode.Text)]
    [InlineData(WebSocketMessageKind.Binary, Opcode.Binary)]
    public async Task Writes_are_one_message_each_and_empty_ones_are_none(WebSocketMessageKind kind, Opcode opcode)
    {
        await using RawPeer peer = RawPeer.Open();
        Stream stream = peer.Connection.AsStream(new() { MessageKind = kind });
        await stream.WriteAsync("one"u8.ToArray());
        await stream.WriteAsync(ReadOnlyMemory<byte>.Empty);
        await stream.WriteAsync("xtwox"u8.ToArray().AsMemory(1, 3));
        await Task.Factory.FromAsync(stream.BeginWrite, stream.EndWrite, "three"u8.ToArray(), 0, 5, null);
        stream.Write([]);
        stream.Write("four"u8);
        stream.Write("xfivex"u8.ToArray(), 1, 4);
        stream.WriteByte((byte)'6');
        await stream.FlushAsync();

        foreach (string expected in (string[])["one", "two", "three", "four", "five", "6"])
        {
            ReceivedFrame frame = (await peer.ReadFrameAsync())!;
            Assert.Equal((opcode, true, expected), (frame.Opcode, frame.IsFinal, frame.Text));
        }
    }

    [Fact]
    public async Task Reads_give_what_fits_of_one_message_and_pass_over_empty_ones()
    {
        await using RawPeer peer = RawPeer.Open();
        Stream stream = peer.Connection.AsStream();
        await peer.SendAsync(peer.TextFrame("hello"), peer.Frame(Opcode.Binary, []), peer.Frame(Opcode.Binary, "ab"u8), peer.TextFrame("xyz"));
        Assert.Equal("he", await ReadAsync(stream, 2));
        Assert.Equal("llo", await ReadAsync(stream, 10));
        Assert.Equal("ab", await ReadAsync(stream, 10));
        Assert.Equal("x", await ReadAsync(stream, 1));
        Assert.Equal('y', stream.ReadByte());
        Assert.Equal("z", await ReadAsync(stream, 2));
    }

    [Fact]
    public async Task Read_into_no_memory_waits_for_a_message_and_takes_nothing_of_it()
    {
        await using RawPeer peer = RawPeer.Open();
        Stream stream = peer.Connection.AsStream(Whole);
        ValueTask<int> read = stream.ReadAsync(Memory<byte>.Empty);
        Assert.False(read.IsCompleted);
        await peer.SendTextAsync("later");
        Assert.Equal(0, await read.Soon());
        Assert.Equal("later", await ReadAsync(stream, 5));
    }

    [Fact]
    public async Task WholeMessages_gives_one_message_a_read_and_keeps_one_that_does_not_fit()
    {
        await using RawPeer peer = RawPeer.Open();
        Stream stream = peer.Connection.AsStream(Whole);
        await peer.SendAsync(peer.TextFrame("ab"), peer.TextFrame("cde"));
        Assert.Equal("ab", await ReadAsync(stream, 10));
        ArgumentException refused = await Assert.ThrowsAsync<ArgumentException>(() => ReadAsync(stream, 2));
        Assert.Contains("3 bytes", refused.Message, StringComparison.Ordinal);
        Assert.Equal("cde", await ReadAsync(stream, 3));
    }

    [Fact]
    public async Task Text_may_break_inside_a_character_anywhere()
    {
        byte[] text = "aä€😀z"u8.ToArray();
        for (int first = 0; first <= text.Length; first++)
        {
            for (int second = first; second <= text.Length; second++)
            {
                await using RawPeer peer = RawPeer.Open();
                await using Stream stream = peer.Connection.AsStream(Text with { LeaveOpen = true });
                await stream.WriteAsync(text.AsMemory(..first));
                await stream.WriteAsync(text.AsMemory(first..second));
                await stream.WriteAsync(text.AsMemory(second..));
                var received = new StringBuilder();
                while (received.Length < "aä€😀z".Length)
                    received.Append((await peer.ReadFrameAsync())!.Text);
                Assert.Equal("aä€😀z", received.ToString());
            }
        }
    }

    [Fact]
    public async Task Text_that_is_no_UTF8_throws_and_text_that_ends_inside_a_character_closes_with_1011()
    {
        await using RawPeer peer = RawPeer.Open(configure: options => options with { CloseTimeout = TimeSpan.FromDays(1) });
        Stream stream = peer.Connection.AsStream(Text);
        await Assert.ThrowsAsync<ArgumentException>(() => stream.WriteAsync(new byte[] { 0x80, 0x80, 0x80, 0x80 }).AsTask());
        await stream.WriteAsync("ok€"u8.ToArray().AsMemory(..^1));
        Task disposing = stream.DisposeAsync().AsTask();
        Assert.Equal("ok", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal(1011, (await peer.ReadFrameAsync())!.CloseCode);
        await EndAsync(peer);
        await disposing.Soon();
    }

    [Fact]
    public async Task Write_waits_while_the_peer_takes_nothing()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        Stream stream = peer.Connection.AsStream();
        byte[] chunk = GatedPeer.Bytes(1024);
        int written = 0;
        Task last;
        do
        {
            last = stream.WriteAsync(chunk).AsTask();
            written++;
        }
        while (last.IsCompleted && written < 1000);

        Assert.Equal(WebSocketConnectionOptions.Default.HighWaterMark / (1024 + 4), written - 1);
        peer.Gate().Release();
        await last.Soon();
        await peer.ReadFirstAsync();
        for (int i = 0; i < written; i++)
            Assert.Equal(chunk, (await peer.ReadFrameAsync())!.Payload);
    }

    [Fact]
    public async Task Peer_waits_while_nobody_reads()
    {
        await using RawPeer peer = RawPeer.Open(
            configure: options => options with { ReadAhead = 2000, IdleTimeout = TimeSpan.Zero }, capacity: 4000);
        Stream stream = peer.Connection.AsStream();
        byte[] sent = GatedPeer.Bytes(100_000);
        bool isSent = false;
        Task sending = Task.Run(async () =>
        {
            foreach (byte[] piece in sent.Chunk(1000))
                await peer.SendAsync(peer.Frame(Opcode.Binary, piece));
            Volatile.Write(ref isSent, value: true);
        });
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        Assert.False(Volatile.Read(ref isSent));

        byte[] received = new byte[sent.Length];
        await stream.ReadExactlyAsync(received).Soon();
        Assert.Equal(sent, received);
        await sending.Soon();
    }

    [Fact]
    public async Task Dispose_sends_what_was_written_and_closes_with_1000()
    {
        await using RawPeer peer = RawPeer.Open(configure: options => options with { CloseTimeout = TimeSpan.FromDays(1) });
        Stream stream = peer.Connection.AsStream();
        await stream.WriteAsync("last"u8.ToArray());
        Task disposing = stream.DisposeAsync().AsTask();
        Assert.Equal("last", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        Assert.False(disposing.IsCompleted);
        await EndAsync(peer);
        await disposing.Soon();
        Assert.True((await peer.Connection.Closed).IsClean);

        Assert.False(stream.CanRead || stream.CanWrite || stream.CanSeek);
        await stream.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => stream.ReadAsync(new byte[1]).AsTask());
        Assert.Throws<ObjectDisposedException>(() => stream.Write("x"u8));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await stream.WriteAsync(new byte[1]));
    }

    [Fact]
    public async Task Dispose_that_is_synchronous_begins_to_close_and_does_not_wait()
    {
        await using RawPeer peer = RawPeer.Open(configure: options => options with { CloseTimeout = TimeSpan.FromDays(1) });
        using (Stream stream = peer.Connection.AsStream())
            stream.Write("last"u8);
        Assert.False(peer.Connection.IsOpen);
        Assert.Equal("last", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        await EndAsync(peer);
        Assert.True((await peer.Connection.Closed.Soon()).IsClean);
    }

    [Fact]
    public async Task LeaveOpen_leaves_the_connection_open()
    {
        await using RawPeer peer = RawPeer.Open();
        await using (Stream stream = peer.Connection.AsStream(new() { LeaveOpen = true }))
            await stream.WriteAsync("one"u8.ToArray());
        await peer.Connection.SendTextAsync("two");
        Assert.Equal("one", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal("two", (await peer.ReadFrameAsync())!.Text);
    }

    [Fact]
    public async Task Peer_that_closes_ends_reading_behind_its_messages_and_fails_writing()
    {
        await using RawPeer peer = RawPeer.Open();
        Stream stream = peer.Connection.AsStream();
        await peer.SendAsync(peer.TextFrame("foo"), peer.CloseFrame((CloseCode)4000, "bye"));
        Assert.Equal("foo", await ReadAsync(stream, 10));
        ValueTask<int> end = stream.ReadAsync(new byte[10]);
        Assert.Equal(4000, (await peer.ReadFrameAsync())!.CloseCode);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => stream.WriteAsync("hi"u8.ToArray()).AsTask());
        await peer.Transport.ShutdownAsync();
        Assert.Equal(0, await end.Soon());
        Assert.Equal(0, await stream.ReadAsync(new byte[10]).Soon());
        Assert.Equal("bye", (await peer.Connection.Closed).ReceivedReason);
        WebSocketClosedException refused = await Assert.ThrowsAsync<WebSocketClosedException>(() => stream.WriteAsync("hi"u8.ToArray()).AsTask());
        Assert.Equal(CloseCause.Peer, refused.Result.Cause);
        Assert.IsAssignableFrom<IOException>(refused);
    }

    [Fact]
    public async Task Peer_that_breaks_the_protocol_fails_reading_and_is_told_1002()
    {
        await using RawPeer peer = RawPeer.Open();
        Stream stream = peer.Connection.AsStream();
        ValueTask<int> read = stream.ReadAsync(new byte[10]);
        await peer.SendAsync([0x85, 0x80, 0, 0, 0, 0]);
        Assert.Equal(1002, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        WebSocketClosedException failure = await Assert.ThrowsAsync<WebSocketClosedException>(() => read.Soon());
        Assert.Equal((CloseCause.Violation, Rule.OpcodeMustBeKnown), (failure.Result.Cause, failure.Result.Violation!.Rule));
    }

    [Fact]
    public async Task Abort_ends_a_read_that_waits()
    {
        await using RawPeer peer = RawPeer.Open();
        Stream stream = peer.Connection.AsStream();
        ValueTask<int> read = stream.ReadAsync(new byte[10]);
        peer.Connection.Abort();
        WebSocketClosedException failure = await Assert.ThrowsAsync<WebSocketClosedException>(() => read.Soon());
        Assert.Equal((CloseCause.Aborted, CloseCode.Abnormal), (failure.Result.Cause, failure.Result.Code));
    }

    [Fact]
    public async Task Cancelled_calls_end_the_wait_and_lose_nothing()
    {
        await using RawPeer peer = RawPeer.Open();
        Stream stream = peer.Connection.AsStream();
        using var cancel = new CancellationTokenSource();
        ValueTask<int> read = stream.ReadAsync(new byte[10], cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.Soon());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.WriteAsync(new byte[1], cancel.Token).AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.FlushAsync(cancel.Token));
        await peer.SendTextAsync("there");
        Assert.Equal("there", await ReadAsync(stream, 10));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.ReadAsync(new byte[10], cancel.Token).AsTask());
        await stream.WriteAsync("here"u8.ToArray());
        Assert.Equal("here", (await peer.ReadFrameAsync())!.Text);
    }

    [Fact]
    public async Task Synchronous_calls_wait_on_a_thread_of_their_own()
    {
        await using RawPeer peer = GatedPeer.Open();
        peer.Gate().Hold();
        Stream stream = peer.Connection.AsStream();
        Task work = Task.Factory.StartNew(
            () =>
            {
                byte[] question = new byte[8];
                stream.ReadExactly(question);
                stream.Write(GatedPeer.Bytes(200_000));
                stream.Write(question, 0, 8);
                Assert.Equal(-1, stream.ReadByte());
            },
            TaskCreationOptions.LongRunning);
        await peer.SendAsync(peer.TextFrame("ques"), peer.TextFrame("tion"));
        await peer.Gate().WriteAsync();
        Assert.False(work.IsCompleted);
        peer.Gate().Release();
        Assert.Equal(GatedPeer.Bytes(200_000), (await peer.ReadMessageAsync()).Payload);
        Assert.Equal("question", (await peer.ReadFrameAsync())!.Text);
        await peer.SendAsync(peer.CloseFrame());
        await EndAsync(peer);
        await work.Soon();
    }

    [Theory]
    [InlineData(WebSocketMessageKind.Text)]
    [InlineData(WebSocketMessageKind.Binary)]
    public async Task Synchronous_calls_of_a_handler_never_wait_for_themselves(WebSocketMessageKind kind)
    {
        await using RawPeer peer = GatedPeer.Create();
        string text = new('x', 100_000);
        Exception? refused = null;
        Task handling = peer.HandleAsync(async socket =>
        {
            Stream stream = socket.AsStream(new() { MessageKind = kind });
            Assert.Equal("ab", await ReadAsync(stream, 2));
            Assert.Equal('c', stream.ReadByte());
            refused = Record.Exception(() => stream.ReadByte());
            stream.Write(Encoding.UTF8.GetBytes(text));
            stream.WriteByte((byte)'y');
        });
        await Task.Yield();
        await peer.SendTextAsync("abc");
        Assert.Equal(text, (await peer.ReadMessageAsync()).Text);
        Assert.Equal("y", (await peer.ReadMessageAsync()).Text);
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        Assert.IsType<InvalidOperationException>(refused);
        await EndAsync(peer);
        await handling.Soon();
    }

    [Fact]
    public async Task CopyToAsync_to_itself_echoes_at_both_ends()
    {
        await using RawPeer peer = RawPeer.Open();
        Stream stream = peer.Connection.AsStream();
        Task echo = stream.CopyToAsync(stream);
        byte[] large = GatedPeer.Bytes(300_000);
        await peer.SendAsync(peer.Frame(Opcode.Binary, "one"u8), peer.Frame(Opcode.Binary, large), peer.Frame(Opcode.Binary, "two"u8));
        Assert.Equal("one", (await peer.ReadMessageAsync()).Text);
        Assert.Equal(large, (await peer.ReadMessageAsync()).Payload);
        Assert.Equal("two", (await peer.ReadMessageAsync()).Text);
        await peer.SendAsync(peer.CloseFrame());
        await EndAsync(peer);
        await echo.Soon();
    }

    [Fact]
    public async Task Readers_and_writers_of_the_framework_work_on_top()
    {
        await using RawPeer peer = RawPeer.Open(Role.Client);
        await using var stream = peer.Connection.AsStream(Text with { LeaveOpen = true });
        using var reader = new StreamReader(stream, leaveOpen: true);
        await using var writer = new StreamWriter(stream, leaveOpen: true) { AutoFlush = true };
        await peer.SendAsync(peer.TextFrame("first li"), peer.TextFrame("ne\nsecond\nthi"), peer.TextFrame("rd\n"));
        foreach (string line in (string[])["first line", "second", "third"])
        {
            Assert.Equal(line, await reader.ReadLineAsync());
            await writer.WriteAsync(line);
            Assert.Equal(line, (await peer.ReadFrameAsync())!.Text);
        }
    }

    [Fact]
    public void Options_refuse_a_kind_that_is_none() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new WebSocketStreamOptions { MessageKind = WebSocketMessageKind.End });

    private static async Task<string> ReadAsync(Stream stream, int size)
    {
        byte[] buffer = new byte[size];
        int count = await stream.ReadAsync(buffer).Soon();
        return Encoding.UTF8.GetString(buffer, 0, count);
    }

    /// <summary>Answers a Close frame where one is due, and ends the transport.</summary>
    private static async Task EndAsync(RawPeer peer)
    {
        if (!peer.Connection.Close.HasBegun || peer.Connection.Close.Snapshot().ReceivedCode is null)
            await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
    }
}
