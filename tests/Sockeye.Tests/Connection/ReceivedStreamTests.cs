using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>One message as a stream: what a <see cref="Stream"/> must keep, and what becomes of a message that is not read to its end, or has
/// none.</summary>
public sealed class ReceivedStreamTests
{
    public static TheoryData<bool> InPieces => [false, true];

    [Theory]
    [MemberData(nameof(InPieces))]
    public async Task Stream_gives_one_message_and_null_after_the_last_one(bool inPieces)
    {
        await using RawPeer peer = Open(inPieces);
        await peer.SendAsync(
            peer.TextFrame("hel", isFinal: false),
            peer.Frame(Opcode.Continuation, [], isFinal: false),
            peer.Frame(Opcode.Continuation, "lo"u8, isFinal: false),
            peer.Frame(Opcode.Continuation, []),
            peer.Frame(Opcode.Binary, []),
            peer.Frame(Opcode.Binary, "abc"u8),
            peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        ReceivedMessageStream text = (await peer.Connection.ReceiveStreamAsync().Soon())!;
        Assert.Equal((WebSocketMessageKind.Text, true, true, false, false), (text.Kind, text.IsText, text.CanRead, text.CanWrite, text.CanSeek));
        using (var reader = new StreamReader(text))
            Assert.Equal("hello", await reader.ReadToEndAsync().Soon());
        Assert.False(text.CanRead);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => text.ReadAsync(new byte[1]).Soon());

        ReceivedMessageStream empty = (await peer.Connection.ReceiveStreamAsync().Soon())!;
        Assert.Equal(0, await empty.ReadAsync(new byte[1]).Soon());
        ReceivedMessageStream binary = (await peer.Connection.ReceiveStreamAsync().Soon())!;
        byte[] buffer = new byte[4];
        Assert.Equal(0, await binary.ReadAsync(Memory<byte>.Empty).Soon());
        Assert.Equal(2, await binary.ReadAsync(buffer, 1, 2).Soon());
        Assert.Equal('c', binary.ReadByte());
        Assert.Equal(-1, binary.ReadByte());
        Assert.Equal(0, await binary.ReadAsync(buffer).Soon());
        Assert.Equal("\0ab\0", Encoding.ASCII.GetString(buffer));
        Assert.Null(await peer.Connection.ReceiveStreamAsync().Soon());
        Assert.Equal(0, await binary.ReadAsync(buffer).Soon()); // its end stays its end
    }

    [Theory]
    [InlineData("CopyToAsync")]
    [InlineData("CopyTo")]
    [InlineData("ReadAsync")]
    [InlineData("Read")]
    public async Task Stream_gives_what_comes_while_it_is_read(string how)
    {
        await using RawPeer peer = Open(inPieces: true);
        byte[] payload = EventLog.Payload(700_000);
        Task sending = Task.Run(async () =>
        {
            byte[] begun = peer.Frame(Opcode.Binary, payload.AsSpan(..300_000), isFinal: false);
            byte[] frames = [.. begun, .. peer.Frame(Opcode.Continuation, payload.AsSpan(300_000..))];
            for (int at = 0; at < frames.Length; at += 1000)
                await peer.SendAsync(frames[at..Math.Min(at + 1000, frames.Length)]);
        });
        Stream stream = (await peer.Connection.ReceiveStreamAsync().Soon())!;
        var copied = new MemoryStream();
        byte[] buffer = new byte[777];
        int count;
        switch (how)
        {
            case "CopyToAsync":
                await stream.CopyToAsync(copied).Soon();
                break;
            case "CopyTo":
                await Task.Run(() => stream.CopyTo(copied)).Soon();
                break;
            case "ReadAsync":
                while ((count = await stream.ReadAsync(buffer).Soon()) > 0)
                    copied.Write(buffer, 0, count);
                break;
            default:
                await Task.Run(() =>
                {
                    while ((count = stream.Read(buffer, 0, buffer.Length)) > 0)
                        copied.Write(buffer, 0, count);
                }).Soon();
                break;
        }

        await sending.Soon();
        Assert.True(copied.ToArray().AsSpan().SequenceEqual(payload));
        Assert.InRange(peer.Pool.PeakBytes, 0, 1 << 19);
    }

    [Theory]
    [MemberData(nameof(InPieces))]
    public async Task Message_that_was_not_read_to_its_end_is_passed_over(bool inPieces)
    {
        await using RawPeer peer = Open(inPieces);
        await peer.SendAsync(
            peer.TextFrame("begun", isFinal: false),
            peer.Frame(Opcode.Continuation, "middle"u8, isFinal: false),
            peer.Frame(Opcode.Continuation, "end"u8),
            peer.TextFrame("next"),
            peer.TextFrame("last"));
        ReceivedMessageStream first = (await peer.Connection.ReceiveStreamAsync().Soon())!;
        Assert.Equal('b', await Task.Run(first.ReadByte).Soon());
        await first.DisposeAsync(); // does nothing to the message
        ReceivedMessageStream half = (await peer.Connection.ReceiveStreamAsync().Soon())!;
        Assert.Equal('n', half.ReadByte());
        ReceivedMessageStream last = (await peer.Connection.ReceiveStreamAsync().Soon())!;
        Assert.Throws<InvalidOperationException>(() => half.ReadByte());
        Assert.Equal("last", await new StreamReader(last).ReadToEndAsync().Soon());
        Assert.True(peer.Connection.IsOpen);
    }

    [Fact]
    public async Task Stream_that_waits_for_more_after_another_read_throws_and_takes_nothing()
    {
        await using RawPeer peer = Open(inPieces: true);
        await peer.SendAsync(peer.TextFrame("a", isFinal: false), peer.Frame(Opcode.Continuation, "b"u8, isFinal: false));
        ReceivedMessageStream stream = (await peer.Connection.ReceiveStreamAsync().Soon())!;
        Assert.Equal('a', stream.ReadByte());
        Assert.Equal("b"u8.ToArray(), (await peer.Connection.ReceiveAsync().Soon()).ToArray());
        await peer.SendAsync(peer.Frame(Opcode.Continuation, "c"u8));
        await Assert.ThrowsAsync<InvalidOperationException>(() => stream.ReadAsync(new byte[1]).Soon());
        Assert.Equal("c"u8.ToArray(), (await peer.Connection.ReceiveAsync().Soon()).ToArray());
    }

    [Fact]
    public async Task Read_cancelled_in_the_middle_loses_nothing()
    {
        await using RawPeer peer = Open(inPieces: true);
        await peer.SendAsync(peer.TextFrame("ab", isFinal: false));
        ReceivedMessageStream stream = (await peer.Connection.ReceiveStreamAsync().Soon())!;
        byte[] buffer = new byte[10];
        Assert.Equal(2, await stream.ReadAsync(buffer).Soon());
        using var cancel = new CancellationTokenSource();
        Task<int> reading = stream.ReadAsync(buffer, cancel.Token).AsTask();
        await Settle.UntilAsync(() => peer.Connection.Receive.IsReaderWaiting);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.Soon());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.ReadAsync(buffer, cancel.Token).Soon());
        await peer.SendAsync(peer.Frame(Opcode.Continuation, "cd"u8));
        Assert.Equal("cd", await new StreamReader(stream).ReadToEndAsync().Soon());
    }

    [Fact]
    public async Task Receive_cancelled_while_a_message_is_passed_over_loses_nothing_but_that()
    {
        await using RawPeer peer = Open(inPieces: true);
        await peer.SendAsync(peer.TextFrame("a", isFinal: false));
        Assert.NotNull(await peer.Connection.ReceiveStreamAsync().Soon());
        using var cancel = new CancellationTokenSource();
        Task receiving = peer.Connection.ReceiveStreamAsync(cancel.Token).AsTask();
        await Settle.UntilAsync(() => peer.Connection.Receive.IsReaderWaiting);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiving.Soon());
        await peer.SendAsync(peer.Frame(Opcode.Continuation, "b"u8), peer.TextFrame("next"));
        Assert.Equal("next", await new StreamReader((await peer.Connection.ReceiveStreamAsync().Soon())!).ReadToEndAsync().Soon());
    }

    [Theory]
    [InlineData("close", 1000, CloseCause.Peer)]
    [InlineData("eof", 1006, CloseCause.TransportEnded)]
    [InlineData("reset", 1006, CloseCause.TransportFailed)]
    [InlineData("abort", 1006, CloseCause.Aborted)]
    [InlineData("violation", 1007, CloseCause.Violation)]
    public async Task Connection_that_ends_in_the_middle_throws_and_is_no_end_of_the_message(string how, int code, CloseCause cause)
    {
        foreach (bool throws in (bool[])[true, false])
        {
            await using RawPeer peer = RawPeer.Open(configure: o => o with { ReceiveInPieces = true, ThrowOnAbnormalClose = throws });
            await peer.SendAsync(peer.TextFrame("ab", isFinal: false));
            ReceivedMessageStream stream = (await peer.Connection.ReceiveStreamAsync().Soon())!;
            byte[] buffer = new byte[10];
            Assert.Equal(2, await stream.ReadAsync(buffer).Soon());
            Task<int> reading = stream.ReadAsync(buffer).AsTask();
            if (how == "close")
                await peer.SendAsync(peer.CloseFrame());
            if (how == "violation")
                await peer.SendAsync(peer.Frame(Opcode.Continuation, [0xFF]));
            if (how == "abort")
                peer.Connection.Abort();
            else if (how == "reset")
                peer.Transport.Abort();
            else
                await peer.Transport.ShutdownAsync();

            WebSocketClosedException end = await Assert.ThrowsAsync<WebSocketClosedException>(() => reading.Soon());
            Assert.Equal((code, cause), ((int)end.Result.Code, end.Result.Cause));
            Assert.Same(await peer.Connection.Closed.Soon(), end.Result);
            await Assert.ThrowsAsync<WebSocketClosedException>(() => stream.ReadAsync(buffer).Soon());
        }
    }

    [Fact]
    public async Task Synchronous_read_that_would_wait_for_itself_throws()
    {
        await using RawPeer peer = RawPeer.Create(configure: o => o with { ReceiveInPieces = true });
        var seen = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task handled = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            ReceivedMessageStream stream = (await socket.ReceiveStreamAsync(cancel))!;
            int first = stream.ReadByte(); // it has come
            seen.SetResult($"{(char)first} {Assert.Throws<InvalidOperationException>(() => stream.ReadByte()).Message}");
        });
        await peer.SendAsync(peer.TextFrame("a", isFinal: false));
        Assert.StartsWith("a A synchronous read here", await seen.Task.Soon(), StringComparison.Ordinal);
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task What_a_received_message_cannot_do_throws()
    {
        await using RawPeer peer = Open(inPieces: false);
        await peer.SendTextAsync("a");
        ReceivedMessageStream stream = (await peer.Connection.ReceiveStreamAsync().Soon())!;
        foreach (Action use in (Action[])
        [
            () => _ = stream.Length, () => _ = stream.Position, () => stream.Position = 0, () => stream.Seek(0, SeekOrigin.Begin),
            () => stream.SetLength(0), () => stream.Write([1], 0, 1),
        ])
        {
            Assert.Throws<NotSupportedException>(use);
        }

        await stream.FlushAsync();
        Assert.Equal("a", await new StreamReader(stream).ReadToEndAsync().Soon());
    }

    private static RawPeer Open(bool inPieces) => RawPeer.Open(configure: o => o with { ReceiveInPieces = inPieces });
}
