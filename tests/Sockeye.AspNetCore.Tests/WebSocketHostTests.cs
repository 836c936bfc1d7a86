using System.Collections.Concurrent;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.AspNetCore.Tests;

/// <summary>What an application knows of its connections and of the handshakes that led to none.</summary>
public sealed class WebSocketHostTests
{
    [Theory]
    [InlineData(Road.Http11)]
    [InlineData(Road.Http2)]
    [InlineData(Road.EventLoop)]
    public async Task Connections_are_those_that_are_open_and_a_broadcast_reaches_them(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.MapWebSocket("/a", async (WebSocketConnection socket, WebSocketHost sockets, CancellationToken cancel) =>
                {
                    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                        sockets.Broadcast(new PreparedMessage(message.Span, message.Kind), except: socket);
                });
                app.MapWebSocket("/b", WebHost.EchoAsync);
                app.Map("/c", async (HttpContext context) => await (await context.UpgradeWebSocketAsync())!.Closed);
            },
            services => services.AddSockeye(),
            road);
        var sockets = host.Services.GetRequiredService<WebSocketHost>();
        Assert.Empty(sockets.Connections);
        using ClientWebSocket one = await host.ConnectAsync("/a");
        using ClientWebSocket two = await host.ConnectAsync("/b");
        using ClientWebSocket three = await host.ConnectAsync("/c");
        await Settle.UntilAsync(() => sockets.Connections.Count == 3);
        Assert.All(sockets.Connections, socket => Assert.True(socket.IsOpen));

        await one.SendTextAsync("to the others");
        Assert.Equal("to the others", await two.ReceiveTextAsync());
        Assert.Equal("to the others", await three.ReceiveTextAsync());
        Assert.Equal(new BroadcastResult(1, 0), sockets.Broadcast(new PreparedMessage("to b"), path: "/b"));
        Assert.Equal("to b", await two.ReceiveTextAsync());

        one.Abort();
        await Settle.UntilAsync(() => sockets.Connections.Count == 2);
        await two.CloseAsync();
        await three.CloseAsync();
        await Settle.UntilAsync(() => sockets.Connections.Count == 0);
    }

    [Theory]
    [InlineData(Road.Http11)]
    [InlineData(Road.Http2)]
    [InlineData(Road.EventLoop)]
    public async Task Handshake_that_leads_nowhere_is_told(Road road)
    {
        var failed = new ConcurrentQueue<FailedHandshake>();
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.MapWebSocket("/", WebHost.EchoAsync, new() { Authorize = _ => new(new HandshakeRefusal(401)) });
                app.MapWebSocket("/broken", WebHost.EchoAsync, new() { SubprotocolSelector = _ => throw new FormatException("no") });
                app.MapWebSocket("/open", WebHost.EchoAsync);
            },
            services => services.AddSockeye(),
            road);
        var sockets = host.Services.GetRequiredService<WebSocketHost>();
        sockets.HandshakeFailed += failed.Enqueue;
        sockets.HandshakeFailed += _ => throw new FormatException("a subscriber may throw");

        using ClientWebSocket welcome = await host.ConnectAsync("/open");
        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync("/?from=afar"));
        FailedHandshake refused = Assert.Single(failed);
        Assert.Equal((401, null, "/?from=afar"), (refused.StatusCode, refused.Fault, refused.Request?.Target));
        Assert.NotNull(refused.RemoteEndPoint);

        await Assert.ThrowsAsync<WebSocketException>(
            () => host.ConnectAsync("/open", options => options.SetRequestHeader("Origin", "http://evil.example")));
        Assert.Equal((403, HandshakeRule.OriginMustBeAllowed), (failed.Last().StatusCode, failed.Last().Fault?.Rule));

        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync("/broken"));
        Assert.Equal(3, failed.Count);
        Assert.IsType<FormatException>(failed.Last().Exception);
        Assert.Null(failed.Last().StatusCode);
    }

    [Fact]
    public async Task There_is_one_for_each_application_and_its_options_may_come_later()
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", WebHost.EchoAsync),
            services => services.AddSockeye().AddSockeye(new WebSocketHostOptions { Accept = new() { Subprotocols = ["v1"] } }));
        await using WebHost other = await WebHost.StartAsync(
            app => app.MapWebSocket("/", WebHost.EchoAsync), services => services.AddSockeye());
        Assert.NotSame(host.Services.GetRequiredService<WebSocketHost>(), other.Services.GetRequiredService<WebSocketHost>());
        using ClientWebSocket client = await host.ConnectAsync("/", options => options.AddSubProtocol("v1"));
        Assert.Equal("v1", client.SubProtocol);
        await Settle.UntilAsync(() => host.Services.GetRequiredService<WebSocketHost>().Connections.Count == 1);
        Assert.Empty(other.Services.GetRequiredService<WebSocketHost>().Connections);
    }

    [Fact]
    public void There_is_one_also_where_two_ask_for_the_first_time_at_once()
    {
        var services = new SlowServices();
        Thread? second = null;
        WebSocketHost? other = null;
        services.Asked = count =>
        {
            if (count > 1)
                return;
            second = new Thread(() => other = WebSocketHost.Of(services));
            second.Start();
            // It is here as well, or waits.
            Assert.True(SpinWait.SpinUntil(() => services.Count > 1 || second.ThreadState.HasFlag(ThreadState.WaitSleepJoin), WebHost.Patience));
        };

        WebSocketHost host = WebSocketHost.Of(services);

        second!.Join();
        Assert.Same(host, other);
        Assert.Equal(1, services.Count);
    }

    /// <summary>Tells how often the options of a host were asked for.</summary>
    private sealed class SlowServices : IServiceProvider, IHostApplicationLifetime
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public Action<int> Asked { get; set; } = static _ => { };

        public CancellationToken ApplicationStarted => default;

        public CancellationToken ApplicationStopping => default;

        public CancellationToken ApplicationStopped => default;

        public object? GetService(Type serviceType)
        {
            if (serviceType == typeof(IHostApplicationLifetime))
                return this;
            if (serviceType == typeof(WebSocketHostOptions))
                Asked(Interlocked.Increment(ref _count));
            return null;
        }

        public void StopApplication() => throw new NotSupportedException();
    }
}
