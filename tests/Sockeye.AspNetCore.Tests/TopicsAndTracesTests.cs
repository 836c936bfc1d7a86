using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using Microsoft.Extensions.DependencyInjection;

namespace Sockeye.AspNetCore.Tests;

/// <summary>What an application of ASP.NET Core has of topics and of traces.</summary>
public sealed class TopicsAndTracesTests
{
    [Theory]
    [InlineData(Road.Http11)]
    [InlineData(Road.Http2)]
    public async Task Hub_is_a_service_with_the_options_that_are_registered(Road road)
    {
        var options = new TopicHubOptions { SlowConsumer = SlowConsumerPolicy.DropOldest };
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/chat/{room}", async (WebSocketConnection socket, string room, TopicHub topics, CancellationToken cancel) =>
            {
                using TopicSubscription subscription = topics.Subscribe(socket, room);
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    await topics.PublishAsync(room, message, except: socket, cancellationToken: cancel);
            }),
            services => services.AddSingleton(options).AddSockeye(new WebSocketHostOptions()),
            road);
        TopicHub topics = host.Services.GetRequiredService<TopicHub>();
        Assert.Same(options, topics.Options);
        using ClientWebSocket one = await host.ConnectAsync("/chat/kitchen");
        using ClientWebSocket two = await host.ConnectAsync("/chat/kitchen");
        using ClientWebSocket elsewhere = await host.ConnectAsync("/chat/cellar");
        using var patience = new CancellationTokenSource(WebHost.Patience);
        while (topics.Counts.Subscriptions < 3)
            await Task.Delay(1, patience.Token);

        await one.SendTextAsync("hello");
        Assert.Equal("hello", await two.ReceiveTextAsync());
        await one.CloseAsync();
        await two.SendTextAsync("nobody is left");
        await two.CloseAsync();
        while (topics.CountSubscribers("kitchen") > 0)
            await Task.Delay(1, patience.Token);
        Assert.Equal((1, 1L), (topics.CountSubscribers("cellar"), topics.Counts.Accepted));
    }

    [Theory]
    [InlineData(Road.Http11, true)]
    [InlineData(Road.Http11, false)]
    [InlineData(Road.Http2, true)]
    [InlineData(Road.Http2, false)]
    public async Task Handshake_and_connection_are_in_the_trace_of_the_request(Road road, bool isHostTraced)
    {
        var trace = ActivityTraceId.CreateRandom();
        var span = ActivitySpanId.CreateRandom();
        var stopped = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Sockeye" || (isHostTraced && source.Name == "Microsoft.AspNetCore"),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = stopped.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync), road: road);
        using (ClientWebSocket client = await host.ConnectAsync(
            "/", options => options.SetRequestHeader("traceparent", $"00-{trace.ToHexString()}-{span.ToHexString()}-01")))
        {
            await client.SendTextAsync("echo");
            Assert.Equal("echo", await client.ReceiveTextAsync());
            await client.CloseAsync();
        }

        Activity handshake = await StoppedAsync("Sockeye.Handshake");
        Activity connection = await StoppedAsync("Sockeye.Connection");
        Assert.Equal(isHostTraced ? (await StoppedAsync("Microsoft.AspNetCore.Hosting.HttpRequestIn")).SpanId : span, handshake.ParentSpanId);
        Assert.Equal(road == Road.Http2 ? 200 : 101, handshake.GetTagItem("http.response.status_code"));
        Assert.Equal(handshake.SpanId, connection.ParentSpanId);
        Assert.Equal(1000, connection.GetTagItem("sockeye.close.code"));

        // Other tests may run, in other traces.
        async Task<Activity> StoppedAsync(string name)
        {
            using var patience = new CancellationTokenSource(WebHost.Patience);
            while (true)
            {
                if (stopped.SingleOrDefault(activity => activity.OperationName == name && activity.TraceId == trace) is { } found)
                    return found;
                await Task.Delay(1, patience.Token);
            }
        }
    }

    [Theory]
    [InlineData(Road.Http11, "GET", 101)]
    [InlineData(Road.Http2, "CONNECT", 200)]
    public async Task Handshake_of_a_client_is_traced_by_what_it_sent(Road road, string method, int status)
    {
        var stopped = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Sockeye",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = stopped.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync), road: road);
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());
        using Activity caller = new Activity("caller").Start();
        await using (await host.OpenAsync("/", new() { Http2 = WebHost.HasHttp2(road) ? http : null }))
            caller.Stop();

        Activity handshake = Assert.Single(stopped, activity =>
            activity is { OperationName: "Sockeye.Handshake", Kind: ActivityKind.Client } && activity.TraceId == caller.TraceId);
        Assert.Equal(
            (method, (object)status), (handshake.GetTagItem("http.request.method"), handshake.GetTagItem("http.response.status_code")));
    }
}
