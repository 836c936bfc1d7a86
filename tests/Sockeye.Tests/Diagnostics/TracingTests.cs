using System.Collections.Concurrent;
using System.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Diagnostics;

/// <summary>The activity source. It is one for the process: nothing else runs at the time.</summary>
[Collection(nameof(WholeProcess))]
public sealed class TracingTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Span = "00f067aa0ba902b7";

    [Fact]
    public async Task Handshake_and_connection_of_a_server_are_in_the_trace_of_the_request()
    {
        using var activities = new Activities();
        await using var test = new ServerTest();
        var current = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        test.Server.Map("/room", async (socket, cancel) =>
        {
            await Task.Yield();
            current.SetResult(Activity.Current?.Id);
            await ServerTest.EchoAsync(socket, cancel);
        });
        await test.Server.StartAsync();
        using (RawClient client = await RawClient.OpenAsync(test.Server, "/room?secret=1", $"traceparent: 00-{Trace}-{Span}-01\r\ntracestate: a=b\r\n"))
        {
            await client.SendAsync(RawClient.Frame(Opcode.Close, [0x10, 0x1B]));
            Assert.Equal(Opcode.Close, (await client.ReadFrameAsync())?.Opcode);
        }

        await test.AssertNothingIsLeftAsync();
        Activity handshake = await activities.StoppedAsync("Sockeye.Handshake");
        Assert.Equal((Trace, Span, "a=b"), (handshake.TraceId.ToHexString(), handshake.ParentSpanId.ToHexString(), handshake.TraceStateString));
        Assert.Equal((ActivityKind.Server, ActivityStatusCode.Unset), (handshake.Kind, handshake.Status));
        Assert.Equal(
            ("GET", "/room", "ws", 101),
            (handshake.GetTagItem("http.request.method"), handshake.GetTagItem("url.path"), handshake.GetTagItem("url.scheme"), handshake.GetTagItem("http.response.status_code")));
        Assert.Equal("127.0.0.1", handshake.GetTagItem("network.peer.address"));
        Activity connection = await activities.StoppedAsync("Sockeye.Connection");
        Assert.Equal((Trace, handshake.SpanId), (connection.TraceId.ToHexString(), connection.ParentSpanId));
        Assert.Equal(connection.Id, await current.Task.Soon());
        Assert.Equal((4123, "Peer"), (connection.GetTagItem("sockeye.close.code"), connection.GetTagItem("sockeye.close.cause")));
        Assert.Equal(ActivityStatusCode.Unset, connection.Status);
    }

    [Fact]
    public async Task Client_and_server_are_in_one_trace_and_the_caller_stays_in_its_own()
    {
        using var activities = new Activities();
        await using ServerTest test = await ServerTest.EchoAsync();
        using Activity caller = new Activity("caller").Start();
        WebSocketConnection client = await WebSocketClient.ConnectAsync(new Uri(test.Uri)).Soon();
        Assert.Same(caller, Activity.Current);
        client.Abort();
        await test.AssertNothingIsLeftAsync();

        Activity called = await activities.StoppedAsync("Sockeye.Handshake", ActivityKind.Client);
        Activity served = await activities.StoppedAsync("Sockeye.Handshake", ActivityKind.Server);
        Activity open = await activities.StoppedAsync("Sockeye.Connection", ActivityKind.Client);
        Assert.Equal(caller.SpanId, called.ParentSpanId);
        Assert.Equal(called.SpanId, served.ParentSpanId);
        Assert.Equal(called.SpanId, open.ParentSpanId);
        Assert.All((Activity[])[called, served, open], activity => Assert.Equal(caller.TraceId, activity.TraceId));
        Assert.Equal(ActivityStatusCode.Error, open.Status);
        Assert.Equal("Aborted", open.GetTagItem("error.type"));
        Assert.Same(caller, Activity.Current);
    }

    [Fact]
    public async Task Trace_of_the_caller_is_named_to_the_server_although_nobody_listens()
    {
        await using var test = new ServerTest();
        var seen = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        test.Server.Map("/", (socket, _) =>
        {
            seen.TrySetResult(socket.Request!.Headers["traceparent"]);
            Assert.Null(Activity.Current);
            return Task.CompletedTask;
        });
        await test.Server.StartAsync();
        using Activity caller = new Activity("caller").Start();
        await (await WebSocketClient.ConnectAsync(new Uri(test.Uri)).Soon()).DisposeAsync();
        Assert.Equal(caller.Id, await seen.Task.Soon());
    }

    [Theory]
    [InlineData("/nothing", "", 404)]
    [InlineData("/room", "Origin: http://elsewhere\r\n", 403)]
    public async Task Handshake_that_is_refused_is_traced_and_no_connection(string path, string headers, int status)
    {
        using var activities = new Activities();
        await using ServerTest test = new();
        test.Server.Map("/room", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, path, headers));
        await test.AssertNothingIsLeftAsync();
        Activity handshake = await activities.StoppedAsync("Sockeye.Handshake");
        Assert.Equal(status, handshake.GetTagItem("http.response.status_code"));
        Assert.Equal(ActivityStatusCode.Unset, handshake.Status);
        Assert.DoesNotContain(activities.Stopped, activity => activity.OperationName == "Sockeye.Connection");

        // What is no trace context begins a trace of its own.
        await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync("ws://127.0.0.1:1").Soon());
        Activity failed = await activities.StoppedAsync("Sockeye.Handshake", ActivityKind.Client);
        Assert.Equal((ActivityStatusCode.Error, "Connect"), (failed.Status, failed.GetTagItem("error.type")));
    }

    [Fact]
    public async Task Handler_of_a_callback_runs_in_the_activity_of_its_connection()
    {
        using var activities = new Activities();
        await using var test = new ServerTest();
        var current = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        test.Server.Map("/", new WebSocketHandler
        {
            Message = (socket, message) =>
            {
                current.TrySetResult(Activity.Current?.Id);
                return socket.SendAsync(message);
            },
        });
        await test.Server.StartAsync();
        await using (WebSocketConnection client = await WebSocketClient.ConnectAsync(new Uri(test.Uri)).Soon())
        {
            await client.SendTextAsync("a");
            _ = await client.ReceiveAsync().Soon();
        }

        await test.AssertNothingIsLeftAsync();
        Assert.Equal((await activities.StoppedAsync("Sockeye.Connection", ActivityKind.Server)).Id, await current.Task.Soon());
    }

    private sealed class Activities : IDisposable
    {
        private readonly ActivityListener _listener;

        public Activities()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == "Sockeye",
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = Stopped.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public ConcurrentQueue<Activity> Stopped { get; } = new();

        /// <summary>Waits for an activity to stop: that of a connection does on the pool.</summary>
        public async Task<Activity> StoppedAsync(string name, ActivityKind? kind = null)
        {
            await Settle.UntilAsync(() => Stopped.Any(IsIt));
            return Stopped.Single(IsIt);

            bool IsIt(Activity activity) => activity.OperationName == name && (kind is null || activity.Kind == kind);
        }

        public void Dispose() => _listener.Dispose();
    }
}
