using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Adapters;

public sealed class AsDuplexPipeTests
{
    [Fact]
    public async Task Flush_sends_what_was_written_as_one_binary_message()
    {
        await using RawPeer peer = RawPeer.Open();
        PipeWriter output = peer.Connection.AsDuplexPipe().Output;
        byte[] large = GatedPeer.Bytes(50_000);
        output.Write("one "u8);
        output.Write("two"u8);
        Assert.Equal(7, output.UnflushedBytes);
        FlushResult flushed = await output.FlushAsync();
        Assert.Equal((false, false), (flushed.IsCanceled, flushed.IsCompleted));
        await output.FlushAsync();
        foreach (byte[] piece in large.Chunk(777))
            output.Write(piece);
        await output.WriteAsync("."u8.ToArray()).Soon();

        ReceivedFrame frame = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Binary, "one two"), (frame.Opcode, frame.Text));
        byte[] expected = [.. large, (byte)'.'];
        Assert.Equal(expected, (await peer.ReadMessageAsync()).Payload);
    }

    [Fact]
    public async Task Input_gives_the_bytes_of_all_messages_until_they_are_consumed()
    {
        await using RawPeer peer = RawPeer.Open();
        PipeReader input = peer.Connection.AsDuplexPipe().Input;
        await peer.SendAsync(peer.TextFrame("ab"), peer.Frame(Opcode.Binary, []), peer.Frame(Opcode.Binary, "cd"u8));
        ReadResult read = await input.ReadAtLeastAsync(3).Soon();
        Assert.Equal("abcd", Encoding.UTF8.GetString(read.Buffer));
        input.AdvanceTo(read.Buffer.GetPosition(1));
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        read = await input.ReadAtLeastAsync(10).Soon();
        Assert.Equal(("bcd", true), (Encoding.UTF8.GetString(read.Buffer), read.IsCompleted));
        input.AdvanceTo(read.Buffer.End);
        await input.CompleteAsync();
    }

    [Fact]
    public async Task Completed_output_sends_what_is_left_and_closes_while_input_goes_on()
    {
        await using RawPeer peer = RawPeer.Open();
        IDuplexPipe pipe = peer.Connection.AsDuplexPipe();
        ValueTask<ReadResult> reading = pipe.Input.ReadAsync();
        pipe.Output.Write("last"u8);
        await pipe.Output.CompleteAsync();
        await pipe.Output.CompleteAsync();
        Assert.Equal("last", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        Assert.Throws<InvalidOperationException>(() => pipe.Output.GetSpan());
        await peer.SendTextAsync("answer");
        ReadResult read = await reading.Soon();
        Assert.Equal("answer", Encoding.UTF8.GetString(read.Buffer));
        pipe.Input.AdvanceTo(read.Buffer.End);
        reading = pipe.Input.ReadAsync();
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.True((await reading.Soon()).IsCompleted);
        Assert.True((await peer.Connection.Closed.Soon()).IsClean);
    }

    [Fact]
    public async Task What_comes_after_output_has_completed_waits_for_the_input_to_be_read()
    {
        await using RawPeer peer = RawPeer.Open();
        IDuplexPipe pipe = peer.Connection.AsDuplexPipe();
        await pipe.Output.CompleteAsync();
        for (int i = 0; i < 10; i++)
            await peer.SendTextAsync($"{i}");
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.True((await peer.Connection.Closed.Soon()).IsClean);

        ReadResult read = await pipe.Input.ReadAtLeastAsync(10).Soon();
        Assert.Equal("0123456789", Encoding.UTF8.GetString(read.Buffer));
        pipe.Input.AdvanceTo(read.Buffer.End);
        Assert.True((await pipe.Input.ReadAsync().Soon()).IsCompleted);
        await pipe.Input.CompleteAsync();
    }

    [Fact]
    public async Task Output_completed_with_an_exception_closes_with_1011_and_sends_nothing_more()
    {
        await using RawPeer peer = RawPeer.Open();
        PipeWriter output = peer.Connection.AsDuplexPipe().Output;
        output.Write("lost"u8);
        await output.CompleteAsync(new InvalidDataException("secret"));
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Close, 1011, ""), (close.Opcode, close.CloseCode, close.CloseReason));
    }

    [Fact]
    public async Task Completed_input_discards_what_comes_while_output_goes_on()
    {
        await using RawPeer peer = RawPeer.Open(configure: options => options with { ReadAhead = 1000 }, capacity: 4000);
        IDuplexPipe pipe = peer.Connection.AsDuplexPipe();
        await pipe.Input.CompleteAsync();
        for (int i = 0; i < 100; i++)
            await peer.SendAsync(peer.Frame(Opcode.Binary, GatedPeer.Bytes(1000))).Soon();
        await pipe.Output.WriteAsync("still here"u8.ToArray());
        Assert.Equal("still here", (await peer.ReadFrameAsync())!.Text);
    }

    [Fact]
    public async Task CancelPendingFlush_ends_a_flush_that_waits_or_the_next_one_and_loses_nothing()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        PipeWriter output = peer.Connection.AsDuplexPipe().Output;
        byte[] large = GatedPeer.Bytes(100_000);
        output.Write(large);
        ValueTask<FlushResult> flushing = output.FlushAsync();
        Assert.False(flushing.IsCompleted);
        output.CancelPendingFlush();
        Assert.True((await flushing.Soon()).IsCanceled);

        output.CancelPendingFlush();
        output.Write("more"u8);
        Assert.True((await output.FlushAsync()).IsCanceled);
        peer.Gate().Release();
        Assert.False((await output.FlushAsync().Soon()).IsCanceled);
        await peer.ReadFirstAsync();
        Assert.Equal(large, (await peer.ReadMessageAsync()).Payload);
        Assert.Equal("more", (await peer.ReadFrameAsync())!.Text);
    }

    [Fact]
    public async Task Token_ends_the_wait_of_a_flush_and_loses_nothing()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        PipeWriter output = peer.Connection.AsDuplexPipe().Output;
        byte[] large = GatedPeer.Bytes(100_000);
        output.Write(large);
        using var cancel = new CancellationTokenSource();
        ValueTask<FlushResult> flushing = output.FlushAsync(cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => flushing.Soon());
        peer.Gate().Release();
        await peer.ReadFirstAsync();
        Assert.Equal(large, (await peer.ReadMessageAsync()).Payload);
    }

    [Fact]
    public async Task Peer_that_vanishes_fails_both_ends()
    {
        await using RawPeer peer = RawPeer.Open();
        IDuplexPipe pipe = peer.Connection.AsDuplexPipe();
        ValueTask<ReadResult> reading = pipe.Input.ReadAsync();
        await peer.Transport.ShutdownAsync();
        await Assert.ThrowsAsync<WebSocketClosedException>(() => reading.Soon());
        await Assert.ThrowsAsync<WebSocketClosedException>(() => pipe.Output.WriteAsync(new byte[1]).Soon());
    }
}
