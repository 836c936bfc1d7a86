using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

public sealed class ConnectForeverTests : IAsyncLifetime
{
    private const string Uri = "ws://test.example/";

    private readonly ReconnectBench _bench = new();

    public ValueTask InitializeAsync() => default;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Sequence_gives_the_next_connection_when_one_has_been_lost()
    {
        await using IAsyncEnumerator<WebSocketConnection> connections = Connect();
        for (int i = 0; i < 3; i++)
        {
            Task<bool> next = NextAsync(connections);
            if (i > 0)
                await _bench.PassAsync(TimeSpan.FromSeconds(1 << (i - 1)));
            Assert.True(await next.Soon());
            WebSocketPair pair = await _bench.OpenedAsync();
            Assert.Same(pair.Client, connections.Current);
            pair.Link.Reset();
            Assert.True((await connections.Current.ReceiveAsync().Soon()).IsEnd);
        }

        Assert.Equal([0, 1, 2], _bench.Attempts.Select(attempt => attempt.Failures));
        Assert.Equal([null, CloseCause.TransportFailed, CloseCause.TransportFailed], _bench.Attempts.Select(attempt => attempt.Previous?.Result?.Cause));
    }

    [Fact]
    public async Task Failed_attempts_are_made_again_until_one_succeeds()
    {
        _bench.Failing = attempt => attempt.Failures < 3 ? new WebSocketHandshakeException(HandshakeFailure.Connect, "nobody") : null;
        await using IAsyncEnumerator<WebSocketConnection> connections = Connect();
        Task<bool> next = NextAsync(connections);
        for (int i = 0; i < 3; i++)
            await _bench.PassAsync(TimeSpan.FromSeconds(1 << i));
        Assert.True(await next.Soon());
        Assert.Equal(4, _bench.Attempts.Count);
    }

    [Fact]
    public async Task Connection_that_had_held_makes_the_first_delay_short_again()
    {
        _bench.Failing = attempt => attempt.Failures < 3 && attempt.Previous?.Result is null
            ? new WebSocketHandshakeException(HandshakeFailure.Connect, "nobody")
            : null;
        await using IAsyncEnumerator<WebSocketConnection> connections = Connect();
        Task<bool> next = NextAsync(connections);
        for (int i = 0; i < 3; i++)
            await _bench.PassAsync(TimeSpan.FromSeconds(1 << i));
        Assert.True(await next.Soon());
        _bench.Time.Advance(TimeSpan.FromSeconds(5));
        (await _bench.OpenedAsync()).Link.Reset();
        next = NextAsync(connections);
        await _bench.PassAsync(TimeSpan.FromSeconds(1));
        Assert.True(await next.Soon());
    }

    [Fact]
    public async Task Final_failure_ends_the_sequence_with_its_exception()
    {
        var refused = new WebSocketHandshakeException(HandshakeFailure.Status, "no")
        {
            Response = new ResponseHead(403, []),
        };
        _bench.Failing = _ => refused;
        await using IAsyncEnumerator<WebSocketConnection> connections = Connect();
        var e = await Assert.ThrowsAsync<WebSocketReconnectException>(() => NextAsync(connections).Soon());
        Assert.Same(refused, e.InnerException);
        Assert.Equal(403, e.Failure!.StatusCode);
        Assert.Single(_bench.Attempts);
    }

    [Fact]
    public async Task Own_judgement_of_a_failure_counts_and_is_asked_once_for_each()
    {
        List<int?> asked = [];
        _bench.Failing = _ => new WebSocketHandshakeException(HandshakeFailure.Status, "no") { Response = new ResponseHead(404, []) };
        await using IAsyncEnumerator<WebSocketConnection> connections = Connect(_bench.Options() with
        {
            IsFatal = failure =>
            {
                asked.Add(failure.StatusCode);
                return asked.Count == 3;
            },
        });
        Task<bool> next = NextAsync(connections);
        await _bench.PassAsync(TimeSpan.FromSeconds(1));
        await _bench.PassAsync(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<WebSocketReconnectException>(() => next.Soon());
        Assert.Equal([404, 404, 404], asked);
    }

    [Fact]
    public async Task Leaving_the_loop_closes_the_connection_with_1000()
    {
        await foreach (WebSocketConnection socket in WebSocketClient.ConnectForeverAsync(Uri, _bench.Options()))
        {
            Assert.True(socket.IsOpen);
            break;
        }

        WebSocketPair pair = await _bench.OpenedAsync();
        CloseResult end = await pair.Server.Closed.Soon();
        Assert.Equal((true, CloseCode.Normal, CloseInitiator.Peer), (end.IsClean, end.Code, end.Initiator));
    }

    [Fact]
    public async Task Asking_for_the_next_closes_one_that_is_open_with_1000()
    {
        await using IAsyncEnumerator<WebSocketConnection> connections = Connect();
        Assert.True(await NextAsync(connections).Soon());
        WebSocketPair pair = await _bench.OpenedAsync();
        Task<bool> next = NextAsync(connections);
        Assert.Equal(CloseCode.Normal, (await pair.Server.Closed.Soon()).Code);
        await _bench.PassAsync(TimeSpan.FromSeconds(1));
        Assert.True(await next.Soon());
        Assert.NotSame(pair.Client, connections.Current);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Token_ends_an_attempt_and_a_delay(bool inAttempt)
    {
        using var cancel = new CancellationTokenSource();
        _bench.Failing = _ => new IOException("test");
        if (inAttempt)
            _bench.Waiting = token => Task.Delay(Timeout.Infinite, token);
        await using IAsyncEnumerator<WebSocketConnection> connections =
            WebSocketClient.ConnectForeverAsync(Uri, _bench.Options(), cancel.Token).GetAsyncEnumerator();
        Task<bool> next = NextAsync(connections);
        await Settle.UntilAsync(() => _bench.Time.NextDue is not null && _bench.Attempts.Count == 1);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.Soon());
        Assert.Single(_bench.Attempts);
    }

    [Fact]
    public async Task Attempt_that_never_ends_is_given_up_at_its_timeout_and_what_it_opens_later_is_aborted()
    {
        var late = new TaskCompletionSource();
        _bench.Waiting = _ => late.Task;
        await using IAsyncEnumerator<WebSocketConnection> connections = Connect();
        Task<bool> next = NextAsync(connections);
        await _bench.PassAsync(TimeSpan.FromSeconds(30));
        await Settle.UntilAsync(() => _bench.Time.NextDue == TimeSpan.FromSeconds(1));
        _bench.Waiting = _ => Task.CompletedTask;
        late.SetResult();
        Assert.Equal(CloseCause.Aborted, (await (await _bench.OpenedAsync()).Client.Closed.Soon()).Cause);
        _bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await next.Soon());
        var timeout = Assert.IsType<WebSocketHandshakeException>(_bench.Attempts[1].Previous!.Exception);
        Assert.Equal(HandshakeFailure.Timeout, timeout.Cause);
    }

    [Fact]
    public async Task Each_attempt_has_the_end_point_whose_turn_it_is()
    {
        Uri[] uris = [new("ws://one.example"), new("ws://two.example"), new("ws://three.example")];
        _bench.Failing = attempt => attempt.Failures < 4 ? new IOException("test") : null;
        await using IAsyncEnumerator<WebSocketConnection> connections =
            WebSocketClient.ConnectForeverAsync(uris, _bench.Options()).GetAsyncEnumerator();
        Task<bool> next = NextAsync(connections);
        foreach (int delay in (int[])[1, 1, 1, 2])
            await _bench.PassAsync(TimeSpan.FromSeconds(delay));
        Assert.True(await next.Soon());
        Assert.Equal([uris[0], uris[1], uris[2], uris[0], uris[1]], _bench.Attempts.Select(attempt => attempt.Uri));
    }

    [Fact]
    public async Task Connection_to_a_real_server_that_breaks_ends_its_reading_without_an_exception()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var options = new ReconnectOptions { InitialDelay = TimeSpan.FromMilliseconds(1) };
        int connections = 0;
        await foreach (WebSocketConnection socket in WebSocketClient.ConnectForeverAsync(test.Uri, options))
        {
            await socket.SendTextAsync($"{++connections}");
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                Assert.Equal($"{connections}", message.GetText());
                socket.Abort();
            }

            if (connections == 3)
                break;
        }

        Assert.Equal(3, connections);
    }

    private static Task<bool> NextAsync(IAsyncEnumerator<WebSocketConnection> connections) => connections.MoveNextAsync().AsTask();

    private IAsyncEnumerator<WebSocketConnection> Connect(ReconnectOptions? options = null) =>
        WebSocketClient.ConnectForeverAsync(Uri, options ?? _bench.Options()).GetAsyncEnumerator();
}
