using System.IO.Pipelines;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Server;

/// <summary>Rule H4 over pairs of pipes, and what their transport owes them.</summary>
public sealed class PipeUpgradeTests
{
    private const string Request =
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: " + RawClient.Key + "\r\nSec-WebSocket-Version: 13\r\n\r\n";

    private readonly Pipe _in = new(new PipeOptions(useSynchronizationContext: false));
    private readonly Pipe _out = new(new PipeOptions(useSynchronizationContext: false));

    private Ends Server => new(_in.Reader, _out.Writer);

    [Fact]
    public async Task AcceptAsync_of_pipes_reads_the_request_itself_and_completes_both_in_the_end()
    {
        await _in.Writer.WriteAsync(Encoding.ASCII.GetBytes(Request));
        await _in.Writer.WriteAsync(RawClient.Frame(Opcode.Text, "early"u8.ToArray()));
        WebSocketConnection socket = await WebSocketUpgrade.AcceptAsync(Server).Soon();
        Assert.Equal("early", (await socket.ReceiveAsync().Soon()).GetText());

        Task send = socket.SendAsync(new byte[200_000]).AsTask();
        await _in.Writer.WriteAsync(RawClient.Frame(Opcode.Close, [0x03, 0xE8]));
        _ = socket.ReceiveAsync();
        byte[] sent = await ReadToEndAsync();
        await send.Soon();

        Assert.StartsWith("HTTP/1.1 101 ", Encoding.Latin1.GetString(sent), StringComparison.Ordinal);
        Assert.Equal([0x88, 0x02, 0x03, 0xE8], sent[^4..]);
        await _in.Writer.CompleteAsync();
        Assert.True((await socket.Closed.Soon()).IsClean);
        await Settle.UntilAsync(() => IsCompleted(_in.Writer));
    }

    [Fact]
    public async Task AcceptAsync_of_a_request_that_somebody_else_read_from_pipes_finds_the_frames_behind_it()
    {
        Assert.True(RequestHead.TryParse(Encoding.ASCII.GetBytes(Request), out RequestHead? head, out _));
        await _in.Writer.WriteAsync(RawClient.Frame(Opcode.Text, "early"u8.ToArray()));
        WebSocketConnection socket = await WebSocketUpgrade.AcceptAsync(Server, head).Soon();
        Assert.Equal("early", (await socket.ReceiveAsync().Soon()).GetText());
        socket.Abort();
        await Assert.ThrowsAsync<IOException>(ReadToEndAsync);
        await Settle.UntilAsync(() => IsCompleted(_in.Writer));
    }

    [Fact]
    public async Task Pipes_that_are_not_owned_are_completed_by_nobody_and_no_memory_is_left()
    {
        var pool = new CountingPool();
        var buffers = new BufferPool(pool);
        var transport = new PipeTransport(Server, buffers, isOwned: false);
        ValueTask send = transport.SendAsync("one"u8.ToArray(), new byte[60_000]);
        await send.Soon();
        Task<ReceivedBlock> receive = transport.ReceiveAsync(default).AsTask();
        transport.Abort();
        await Assert.ThrowsAsync<IOException>(() => receive.Soon());
        await Assert.ThrowsAsync<IOException>(() => transport.SendAsync("two"u8.ToArray(), default).Soon());
        transport.ReleaseBlock();

        Assert.False(IsCompleted(_in.Writer));
        await _in.Writer.WriteAsync("still there"u8.ToArray());
        Assert.Equal(11, (await _in.Reader.ReadAsync()).Buffer.Length);
        Assert.Equal(60_003, (await _out.Reader.ReadAsync()).Buffer.Length);
        Assert.Equal((0, 0), (pool.Outstanding, buffers.SlabsHeld));
    }

    [Fact]
    public async Task Read_that_somebody_else_cancels_loses_nothing()
    {
        var transport = new PipeTransport(Server, BufferPool.Shared, isOwned: false);
        Task<ReceivedBlock> receive = transport.ReceiveAsync(default).AsTask();
        _in.Reader.CancelPendingRead();
        await _in.Writer.WriteAsync("still there"u8.ToArray());
        ReceivedBlock block = await receive.Soon();
        Assert.Equal("still there", Encoding.ASCII.GetString(block.Memory));
        transport.Advance(block.Memory.Count);
        transport.ReleaseBlock();
    }

    private static bool IsCompleted(PipeWriter writer)
    {
        try
        {
            ValueTask<FlushResult> flush = writer.FlushAsync();
            return !flush.IsCompletedSuccessfully || flush.Result.IsCompleted;
        }
        catch (Exception e) when (e is InvalidOperationException or IOException)
        {
            return true;
        }
    }

    private async Task<byte[]> ReadToEndAsync()
    {
        using var all = new MemoryStream();
        await _out.Reader.CopyToAsync(all).Soon();
        return all.ToArray();
    }

    private sealed class Ends(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }
}
