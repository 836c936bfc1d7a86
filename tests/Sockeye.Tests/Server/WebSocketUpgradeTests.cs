using System.IO.Pipelines;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Tests.Server;

/// <summary>Rule H4: any stream becomes a connection.</summary>
public sealed class WebSocketUpgradeTests
{
    private const string Request =
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: " + RawClient.Key + "\r\nSec-WebSocket-Version: 13\r\n";

    private static readonly TimeSpan Patience = RawClient.Patience;

    private readonly DuplexPipe _pipe = new();

    [Fact]
    public async Task AcceptAsync_of_a_stream_reads_the_request_itself()
    {
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(_pipe.Server, new() { Subprotocols = ["v1"] });
        await _pipe.SendAsync(Request + "Sec-WebSocket-Protocol: v1\r\n\r\n");
        await _pipe.SendAsync(RawClient.Frame(Opcode.Text, "hi"u8.ToArray()));

        await using WebSocketConnection socket = await accepting.WaitAsync(Patience);

        Assert.Equal("v1", socket.Subprotocol);
        Assert.Equal("hi", (await socket.ReceiveAsync()).GetText());
        await socket.SendTextAsync("ho");
        Assert.Contains("\r\nSec-WebSocket-Protocol: v1\r\n\r\n\u0081\u0002ho", await _pipe.ReadUntilAsync("ho"), StringComparison.Ordinal);
        socket.Abort();
    }

    [Fact]
    public async Task AcceptAsync_of_a_stream_with_frames_behind_the_head_in_every_cut_delivers_them()
    {
        byte[] sent = [.. Encoding.ASCII.GetBytes(Request + "\r\n"), .. RawClient.Frame(Opcode.Text, "early"u8.ToArray())];
        for (int cut = 0; cut <= sent.Length; cut++)
        {
            var pipe = new DuplexPipe();
            Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(pipe.Server);
            await pipe.SendAsync(sent[..cut]);
            await pipe.SendAsync(sent[cut..]);

            WebSocketConnection socket = await accepting.WaitAsync(Patience);

            Assert.Equal("early", (await socket.ReceiveAsync()).GetText());
            socket.Abort();
        }
    }

    [Fact]
    public async Task AcceptAsync_of_a_request_that_somebody_else_read_takes_the_bytes_behind_it()
    {
        byte[] frame = RawClient.Frame(Opcode.Text, "early"u8.ToArray());
        for (int cut = 0; cut <= frame.Length; cut++)
        {
            var pipe = new DuplexPipe();
            await pipe.SendAsync(frame[cut..]);

            WebSocketConnection socket = await WebSocketUpgrade.AcceptAsync(pipe.Server, Head(), frame.AsMemory(0, cut)).WaitAsync(Patience);

            Assert.Equal("early", (await socket.ReceiveAsync()).GetText());
            Assert.StartsWith("HTTP/1.1 101 ", await pipe.ReadUntilAsync("\r\n\r\n"), StringComparison.Ordinal);
            socket.Abort();
        }
    }

    [Fact]
    public async Task FromRequest_sends_nothing_before_the_decision()
    {
        UpgradeRequest request = WebSocketUpgrade.FromRequest(_pipe.Server, Head());
        Assert.Equal("/chat", request.Path);
        Assert.False(_pipe.HasAnswer);

        await using WebSocketConnection socket = await request.AcceptAsync();

        Assert.True(_pipe.HasAnswer);
        await Assert.ThrowsAsync<InvalidOperationException>(() => request.RejectAsync(403));
        socket.Abort();
    }

    [Fact]
    public async Task ReadRequestAsync_sends_nothing_before_the_decision()
    {
        Task<UpgradeRequest> reading = WebSocketUpgrade.ReadRequestAsync(_pipe.Server);
        await _pipe.SendAsync(Request + "X-Id: 7\r\n\r\n");
        UpgradeRequest request = await reading.WaitAsync(Patience);
        Assert.Equal("7", request.Headers["X-Id"]);
        Assert.False(_pipe.HasAnswer);

        await request.RejectAsync(403, body: "no");

        Assert.StartsWith("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n", await _pipe.ReadUntilAsync("no"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Request_that_is_none_to_upgrade_tells_its_fault_and_is_refused_only_when_it_is_accepted()
    {
        UpgradeRequest request = WebSocketUpgrade.FromRequest(_pipe.Server, new("GET", "/", new() { { "Host", "a" } }));
        Assert.Equal(HandshakeRule.UpgradeMustNameWebSocket, request.Fault?.Rule);
        Assert.False(_pipe.HasAnswer);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => request.AcceptAsync());

        Assert.Equal((HandshakeFailure.Refused, HandshakeRule.UpgradeMustNameWebSocket), (thrown.Cause, thrown.Fault?.Rule));
        Assert.StartsWith("HTTP/1.1 426 ", await _pipe.ReadUntilAsync("\r\n\r\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed, 400)]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", HandshakeRule.UpgradeMustNameWebSocket, 426)]
    [InlineData(Request + "Origin: http://evil\r\n\r\n", HandshakeRule.OriginMustBeAllowed, 403)]
    public async Task AcceptAsync_of_a_stream_with_a_request_to_refuse_answers_and_throws(string sent, HandshakeRule rule, int status)
    {
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(_pipe.Server);
        await _pipe.SendAsync(sent);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => accepting.WaitAsync(Patience));

        Assert.Equal((HandshakeFailure.Refused, rule), (thrown.Cause, thrown.Fault?.Rule));
        Assert.StartsWith($"HTTP/1.1 {status} ", await _pipe.ReadUntilAsync("\r\n\r\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("GET / HT")]
    public async Task AcceptAsync_of_a_stream_that_ends_throws(string sent)
    {
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(_pipe.Server);
        await _pipe.SendAsync(sent);
        await _pipe.EndAsync();

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => accepting.WaitAsync(Patience));

        Assert.Equal(HandshakeFailure.Ended, thrown.Cause);
    }

    [Fact]
    public async Task AcceptAsync_that_is_cancelled_throws_the_token_of_the_caller()
    {
        using var cancel = new CancellationTokenSource();
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(_pipe.Server, null, cancel.Token);
        await _pipe.SendAsync("GET / HT");

        await cancel.CancelAsync();

        var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => accepting.WaitAsync(Patience));
        Assert.Equal(cancel.Token, thrown.CancellationToken);
        var other = new DuplexPipe();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => WebSocketUpgrade.AcceptAsync(other.Server, null, cancel.Token));
    }

    [Fact]
    public async Task AcceptAsync_of_a_silent_stream_that_no_dispose_wakes_throws_at_the_deadline()
    {
        var time = new ManualTimeProvider();
        var options = new WebSocketAcceptOptions { Connection = new() { TimeProvider = time } };
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(new DeafStream(), options);

        time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(accepting.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.1));

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => accepting.WaitAsync(Patience));
        Assert.Equal(HandshakeFailure.Timeout, thrown.Cause);
    }

    [Fact]
    public async Task AcceptAsync_of_a_stream_gives_all_memory_back()
    {
        var pool = new CountingPool();
        var buffers = new BufferPool(pool);
        var options = new WebSocketAcceptOptions { Connection = new() { Buffers = buffers } };
        foreach (string sent in (string[])[Request + "\r\n", "nonsense\r\n\r\n", "GET /", Request + "Origin: http://b\r\n\r\n"])
        {
            var pipe = new DuplexPipe();
            Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(pipe.Server, options);
            await pipe.SendAsync(sent);
            await pipe.EndAsync();
            try
            {
                await (await accepting.WaitAsync(Patience)).Closed;
            }
            catch (WebSocketHandshakeException)
            {
                // refused, or ended halfway
            }
        }

        long start = Environment.TickCount64;
        while ((pool.Outstanding > 0 || buffers.SlabsHeld > 0) && Environment.TickCount64 - start < Patience.TotalMilliseconds)
            await Task.Yield();
        Assert.Equal("", string.Join("\n\n", pool.Traces));
        Assert.Equal(0, buffers.SlabsHeld);
    }

    [Fact]
    public void FromRequest_with_more_than_64_KiB_behind_the_head_throws() =>
        Assert.Throws<ArgumentException>("bytesAfterHead", () => WebSocketUpgrade.FromRequest(_pipe.Server, Head(), new byte[64 * 1024 + 1]));

    private static RequestHead Head()
    {
        Assert.True(RequestHead.TryParse(Encoding.ASCII.GetBytes(Request + "\r\n"), out RequestHead? head, out _));
        return head;
    }

    /// <summary>A stream over pipes, and its other end.</summary>
    private sealed class DuplexPipe
    {
        private readonly Pipe _forth = new(new PipeOptions(useSynchronizationContext: false));
        private readonly Pipe _back = new(new PipeOptions(useSynchronizationContext: false));
        private string _received = "";

        public DuplexPipe() => Server = new DuplexStream(_forth.Reader.AsStream(), _back.Writer.AsStream());

        public Stream Server { get; }

        public bool HasAnswer
        {
            get
            {
                if (!_back.Reader.TryRead(out ReadResult result))
                    return false;
                _back.Reader.AdvanceTo(result.Buffer.Start);
                return result.Buffer.Length > 0;
            }
        }

        public Task SendAsync(string text) => SendAsync(Encoding.ASCII.GetBytes(text));

        public async Task SendAsync(byte[] bytes) => await _forth.Writer.WriteAsync(bytes);

        public async Task EndAsync() => await _forth.Writer.CompleteAsync();

        public async Task<string> ReadUntilAsync(string end)
        {
            while (!_received.Contains(end, StringComparison.Ordinal))
            {
                ReadResult result = await _back.Reader.ReadAsync().AsTask().WaitAsync(Patience);
                foreach (ReadOnlyMemory<byte> part in result.Buffer)
                    _received += Encoding.Latin1.GetString(part.Span);
                _back.Reader.AdvanceTo(result.Buffer.End);
                Assert.False(result.IsCompleted && !_received.Contains(end, StringComparison.Ordinal), _received);
            }

            return _received;
        }
    }

    private class DuplexStream(Stream input, Stream output) : TestStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            input.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            output.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => output.FlushAsync(cancellationToken);

        public override void Flush() => output.Flush();

        protected override void Dispose(bool disposing)
        {
            input.Dispose();
            output.Dispose();
            base.Dispose(disposing);
        }
    }

    /// <summary>A stream whose reads nothing ends.</summary>
    private sealed class DeafStream() : DuplexStream(Null, Null)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            new(new TaskCompletionSource<int>().Task);
    }
}
