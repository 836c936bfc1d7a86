using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Server;

/// <summary>Rule H4 where something fails: whatever throws before a connection is open ends the stream, once, and gives all memory
/// back.</summary>
public sealed class UpgradeFailureTests
{
    private const string Request =
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: " + RawClient.Key + "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v1\r\n\r\n";

    private readonly CountingPool _pool = new();
    private readonly BufferPool _buffers;
    private readonly ManualTimeProvider _time = new();
    private readonly ScriptedStream _stream = Holding(Request);

    public UpgradeFailureTests()
    {
        _buffers = new BufferPool(_pool);
        Connection = new WebSocketConnectionOptions { Buffers = _buffers, TimeProvider = _time };
    }

    private WebSocketConnectionOptions Connection { get; }

    [Fact]
    public async Task Socket_that_its_client_has_reset_already_is_a_handshake_that_ended()
    {
        (Socket own, Socket peer) = await Carriers.ConnectSocketsAsync();
        peer.Close(0);
        await Settle.UntilAsync(() => own.Poll(0, SelectMode.SelectRead));
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketUpgrade.AcceptAsync(own).Soon());
        Assert.Equal(HandshakeFailure.Ended, thrown.Cause);
    }

    [Fact]
    public async Task AcceptAsync_with_a_token_that_is_cancelled_already_disposes_the_stream()
    {
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => WebSocketUpgrade.AcceptAsync(_stream, new() { Connection = Connection }, cancelled));
        await AssertNothingIsLeftAsync(_stream);

        var other = Holding(Request);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => WebSocketUpgrade.AcceptAsync(other, Head(), default, new() { Connection = Connection }, cancelled));
        await AssertNothingIsLeftAsync(other);

        other = Holding(Request);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => WebSocketUpgrade.ReadRequestAsync(other, cancellationToken: cancelled));
        await AssertNothingIsLeftAsync(other);
    }

    [Fact]
    public async Task AcceptAsync_with_a_token_that_fires_between_the_request_and_the_answer_disposes_the_stream()
    {
        using var cancel = new CancellationTokenSource();
        var options = new WebSocketAcceptOptions
        {
            Connection = Connection,
            SubprotocolSelector = _ =>
            {
                cancel.Cancel();
                return null;
            },
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => WebSocketUpgrade.AcceptAsync(_stream, options, cancel.Token));

        await AssertNothingIsLeftAsync(_stream);
    }

    [Fact]
    public async Task AcceptAsync_with_a_token_that_fires_before_an_inspected_request_is_accepted_disposes_the_stream()
    {
        UpgradeRequest request = await WebSocketUpgrade.ReadRequestAsync(_stream);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => request.AcceptAsync(new() { Connection = Connection }, new CancellationToken(canceled: true)));

        await AssertNothingIsLeftAsync(_stream);
        await Assert.ThrowsAsync<InvalidOperationException>(() => request.AcceptAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(() => request.RejectAsync(403));
        Assert.Equal(1, _stream.Disposals);
    }

    [Fact]
    public async Task AcceptAsync_whose_selector_throws_or_makes_something_up_disposes_the_stream()
    {
        var throws = new WebSocketAcceptOptions { Connection = Connection, SubprotocolSelector = _ => throw new FormatException("no") };
        await Assert.ThrowsAsync<FormatException>(() => WebSocketUpgrade.AcceptAsync(_stream, throws));
        await AssertNothingIsLeftAsync(_stream);

        var other = Holding(Request);
        var invents = new WebSocketAcceptOptions { Connection = Connection, SubprotocolSelector = _ => "v9" };
        await Assert.ThrowsAsync<ArgumentException>("subprotocol", () => WebSocketUpgrade.AcceptAsync(other, invents));
        await AssertNothingIsLeftAsync(other);

        Assert.Equal((0, 0), (_stream.Sent.Length, other.Sent.Length));
    }

    [Fact]
    public async Task AcceptAsync_whose_logger_throws_disposes_the_stream_wherever_it_throws()
    {
        int calls = 0;
        for (int failing = 1; ; failing++)
        {
            int left = failing;
            var logs = new CallbackLogs(() =>
            {
                calls++;
                if (--left == 0)
                    throw new FormatException("no");
            });
            var stream = Holding(Request);
            Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(
                stream, new() { Connection = Connection with { LoggerFactory = logs } });
            if (await Record.ExceptionAsync(() => accepting) is not FormatException)
            {
                left = 0; // what the open connection logs is its own affair
                (await accepting).Abort();
                break;
            }

            await AssertNothingIsLeftAsync(stream);
        }

        Assert.InRange(calls, 3, 100);
    }

    [Fact]
    public async Task Refusal_whose_logger_throws_closes_the_stream()
    {
        var logs = new CallbackLogs(() => { }, () => throw new FormatException("no"));
        var stream = Holding(Request.Replace("Upgrade: websocket\r\n", "", StringComparison.Ordinal));
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(
            stream, new() { Connection = Connection with { LoggerFactory = logs } });

        // What a logger throws is nobody's failure: the refusal is told as ever.
        await Assert.ThrowsAsync<WebSocketHandshakeException>(() => accepting);
        _time.Advance(TimeSpan.FromSeconds(2));

        await AssertNothingIsLeftAsync(stream);
    }

    [Fact]
    public async Task Too_many_bytes_behind_the_head_dispose_the_stream()
    {
        byte[] beyond = new byte[64 * 1024 + 1];

        Assert.Throws<ArgumentException>("bytesAfterHead", () => WebSocketUpgrade.FromRequest(_stream, Head(), beyond));
        await AssertNothingIsLeftAsync(_stream);

        var other = Holding(Request);
        await Assert.ThrowsAsync<ArgumentException>(
            "bytesAfterHead", () => WebSocketUpgrade.AcceptAsync(other, Head(), beyond, new() { Connection = Connection }));
        await AssertNothingIsLeftAsync(other);
    }

    [Fact]
    public async Task RejectAsync_with_what_cannot_stand_in_an_answer_disposes_the_stream()
    {
        UpgradeRequest request = WebSocketUpgrade.FromRequest(_stream, Head());

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>("statusCode", () => request.RejectAsync(199));

        await AssertNothingIsLeftAsync(_stream);
    }

    [Fact]
    public async Task ReadRequestAsync_with_a_timeout_that_cannot_be_disposes_the_stream()
    {
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => WebSocketUpgrade.ReadRequestAsync(_stream, timeout: TimeSpan.FromSeconds(-5)));

        await AssertNothingIsLeftAsync(_stream);
    }

    [Fact]
    public async Task Decision_that_fails_behind_another_one_leaves_the_connection_alone()
    {
        UpgradeRequest request = await WebSocketUpgrade.ReadRequestAsync(_stream);
        WebSocketConnection socket = await request.AcceptAsync(new() { Connection = Connection });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request.AcceptAsync(null, new CancellationToken(canceled: true)));
        await Assert.ThrowsAsync<FormatException>(
            () => request.AcceptAsync(new() { SubprotocolSelector = _ => throw new FormatException("no") }));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>("statusCode", () => request.RejectAsync(600));

        Assert.Equal(0, _stream.Disposals);
        Assert.True(socket.IsOpen);
        socket.Abort();
        await socket.Closed.WaitAsync(RawClient.Patience);
        await AssertNothingIsLeftAsync(_stream);
    }

    [Fact]
    public async Task Request_of_a_server_whose_decision_fails_is_ended_and_the_server_goes_on()
    {
        await using var test = new ServerTest();
        test.Server.Map("/any", ServerTest.EchoAsync);
        var failed = new TaskCompletionSource<Exception?>();
        _ = ServeAsync();
        await test.Server.Listening;

        using (RawClient client = await RawClient.ConnectAsync(test.Server))
        {
            await client.SendAsync(RawClient.Request(test.Server));
            Assert.Equal("", await client.ReadToAnyEndAsync());
        }

        Assert.IsType<FormatException>(await failed.Task.WaitAsync(RawClient.Patience));
        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();

        async Task ServeAsync()
        {
            await foreach (UpgradeRequest request in test.Server.UpgradeRequestsAsync())
            {
                failed.SetResult(await Record.ExceptionAsync(
                    () => request.AcceptAsync(new() { SubprotocolSelector = _ => throw new FormatException("no") })));
            }
        }
    }

    [Fact]
    public async Task Stream_that_throws_when_it_is_disposed_does_not_harm_the_timer_that_ends_a_refusal()
    {
        var stream = new ScriptedStream(default) { ThrowsOnDispose = true };
        var transport = new StreamTransport(stream, _buffers);

        Task finishing = Refusals.FinishAsync(transport, _time);
        _time.Advance(TimeSpan.FromSeconds(2)); // on this thread: what the timer's callback throws comes out here
        await finishing.WaitAsync(RawClient.Patience);

        Assert.Equal(1, stream.Disposals);
        await AssertNothingIsLeftAsync(stream);
    }

    private static ScriptedStream Holding(string request) => new(Encoding.ASCII.GetBytes(request));

    private static RequestHead Head()
    {
        Assert.True(RequestHead.TryParse(Encoding.ASCII.GetBytes(Request), out RequestHead? head, out _));
        return head;
    }

    private async Task AssertNothingIsLeftAsync(ScriptedStream stream)
    {
        await stream.Disposed.WaitAsync(RawClient.Patience);
        long start = Environment.TickCount64;
        while ((_pool.Outstanding > 0 || _buffers.SlabsHeld > 0) && Environment.TickCount64 - start < RawClient.Patience.TotalMilliseconds)
            await Task.Yield();
        Assert.Equal("", string.Join("\n\n", _pool.Traces));
        Assert.Equal(0, _buffers.SlabsHeld);
        Assert.Equal(1, stream.Disposals);
    }

    /// <summary>Logs whose calls run code of the test.</summary>
    private sealed class CallbackLogs(Action onCreate, Action? onLog = null) : TestLogs
    {
        private readonly Action _onLog = onLog ?? onCreate;

        public override ILogger CreateLogger(string categoryName)
        {
            onCreate();
            return this;
        }

        public override void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => _onLog();
    }
}
