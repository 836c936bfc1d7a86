using System.Net;
using System.Net.WebSockets;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Sockeye.AspNetCore.Tests;

/// <summary>End points: what is bound, filtered and authorised has been before the upgrade.</summary>
public sealed class BindingTests
{
    [Theory]
    [InlineData(Road.Http11)]
    [InlineData(Road.Http2)]
    public async Task Handler_gets_route_values_query_headers_services_and_the_connection(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket(
                "/chat/{room}/{number:int}",
                async (
                    string room,
                    int number,
                    WebSocketConnection socket,
                    string? name,
                    [FromHeader(Name = "X-One")] string one,
                    Greeter greeter,
                    [FromKeyedServices("other")] Greeter other,
                    HttpContext context,
                    CancellationToken cancel) =>
                {
                    string[] all = [greeter.Greet(room), $"{number}", $"{name}", one, other.Greet(context.Request.Method), $"{cancel.CanBeCanceled}"];
                    await socket.SendTextAsync(string.Join(';', all), cancel);
                    Assert.Same(context.RequestServices.GetRequiredService<Scoped>(), context.RequestServices.GetRequiredService<Scoped>());
                }),
            services => services
                .AddSingleton(new Greeter("hello "))
                .AddKeyedSingleton("other", new Greeter("by "))
                .AddScoped<Scoped>(),
            road);
        using ClientWebSocket client = await host.ConnectAsync("/chat/kitchen/7?name=me", options => options.SetRequestHeader("X-One", "1"));
        string method = road == Road.Http2 ? "CONNECT" : "GET";
        Assert.Equal($"hello kitchen;7;me;1;by {method};True", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Handlers_with_types_need_no_reflection()
    {
        await using WebHost host = await WebHost.StartAsync(app =>
        {
            app.MapWebSocket("/one/{room}", async (HttpContext context, WebSocketConnection socket, CancellationToken cancel) =>
                await socket.SendTextAsync($"{context.Request.RouteValues["room"]}", cancel));
            app.MapWebSocket("/two", new WebSocketHandler { Message = static (socket, message) => socket.SendAsync(message) });
        });
        await using WebSocketConnection one = await host.OpenAsync("/one/kitchen");
        Assert.Equal("kitchen", (await one.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        await using WebSocketConnection two = await host.OpenAsync("/two");
        await two.SendTextAsync("echo");
        Assert.Equal("echo", (await two.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
    }

    [Theory]
    [InlineData("/bound/x", HttpStatusCode.BadRequest)]
    [InlineData("/bound/1?query=no", HttpStatusCode.BadRequest)]
    [InlineData("/nowhere", HttpStatusCode.NotFound)]
    public async Task What_cannot_be_bound_is_refused_before_the_upgrade(string path, HttpStatusCode status)
    {
        bool isRun = false;
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/bound/{number}", (WebSocketConnection socket, int number, int? query) =>
            {
                isRun = true;
                return Task.CompletedTask;
            }));
        var e = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => host.OpenAsync(path));
        Assert.Equal((int)status, e.StatusCode);
        Assert.False(isRun);
    }

    [Theory]
    [InlineData(Road.Http11)]
    [InlineData(Road.Http2)]
    public async Task Filters_run_around_each_other_and_before_the_upgrade(Road road)
    {
        List<string> order = [];
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                RouteGroupBuilder group = app.MapGroup("/in");
                group.AddEndpointFilter(Filter("group"));
                group.MapWebSocket("/side/{user}", async (string user, WebSocketConnection socket, CancellationToken cancel) =>
                {
                    order.Add("handler");
                    await socket.SendTextAsync(user, cancel);
                }).AddEndpointFilter(Filter("first")).AddEndpointFilter(Filter("second")).RequireHost("*");
            },
            road: road);

        using ClientWebSocket client = await host.ConnectAsync("/in/side/me");
        Assert.Equal("me by second", await client.ReceiveTextAsync());
        Assert.Equal(["group in", "first in", "second in", "second out", "first out", "group out", "handler"], order);

        order.Clear();
        using var refused = new ClientWebSocket();
        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync("/in/side/nobody"));
        Assert.Equal(["group in", "first in", "first out", "group out"], order);

        Func<EndpointFilterInvocationContext, EndpointFilterDelegate, ValueTask<object?>> Filter(string name) => async (context, next) =>
        {
            order.Add(name + " in");
            Assert.False(context.HttpContext.Response.HasStarted);
            Assert.Null(context.GetArgument<WebSocketConnection?>(1)); // there is none yet
            object? result = TypedResults.StatusCode(418);
            if (name != "first" || context.GetArgument<string>(0) != "nobody")
            {
                if (name == "second")
                    context.Arguments[0] += " by second";
                result = await next(context);
            }

            order.Add(name + " out");
            Assert.False(context.HttpContext.Response.HasStarted);
            return result;
        };
    }

    [Fact]
    public async Task Filters_refuse_typed_handlers_too()
    {
        bool isRun = false;
        await using WebHost host = await WebHost.StartAsync(app =>
        {
            RouteGroupBuilder group = app.MapGroup("/in");
            group.AddEndpointFilter(async (call, next) =>
                call.HttpContext.Request.Query["token"] == "right" ? await next(call) : TypedResults.Unauthorized());
            group.MapWebSocket("/one", RunAsync);
            group.MapWebSocket("/two", (HttpContext _, WebSocketConnection socket, CancellationToken cancel) => RunAsync(socket, cancel));
            group.MapWebSocket("/three", new WebSocketHandler { Opened = socket => _ = RunAsync(socket, default), Message = (_, _) => default });
        });
        foreach (string path in (string[])["/in/one", "/in/two", "/in/three"])
        {
            isRun = false;
            var e = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => host.OpenAsync(path));
            Assert.Equal((401, false), (e.StatusCode, isRun));
            await using WebSocketConnection socket = await host.OpenAsync(path + "?token=right");
            Assert.Equal("in", (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        }

        async Task RunAsync(WebSocketConnection socket, CancellationToken cancel)
        {
            isRun = true;
            await socket.SendTextAsync("in", cancel);
        }
    }

    [Theory]
    [InlineData(Road.Http11)]
    [InlineData(Road.Http2)]
    public async Task Authorisation_comes_first(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.UseAuthentication();
                app.UseAuthorization();
                app.MapWebSocket("/", async (ClaimsPrincipal user, WebSocketConnection socket, CancellationToken cancel) =>
                    await socket.SendTextAsync($"{user.Identity?.Name}", cancel)).RequireAuthorization();
            },
            services =>
            {
                services.AddAuthentication("Test").AddScheme<AuthenticationSchemeOptions, HeaderAuthentication>("Test", null);
                services.AddAuthorization();
            },
            road);
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync("/"));
        Assert.Contains("401", refused.Message, StringComparison.Ordinal);
        using ClientWebSocket client = await host.ConnectAsync("/", options => options.SetRequestHeader("X-User", "me"));
        Assert.Equal("me", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Rate_limit_holds_as_long_as_the_connection()
    {
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.UseRateLimiter();
                app.MapWebSocket("/", WebHost.EchoAsync).RequireRateLimiting("one");
            },
            services => services.AddRateLimiter(limiter => limiter.AddConcurrencyLimiter("one", options => options.PermitLimit = 1)));
        await using (WebSocketConnection first = await host.OpenAsync("/"))
        {
            var e = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => host.OpenAsync("/"));
            Assert.Equal(503, e.StatusCode);
            await first.CloseAsync().WaitAsync(WebHost.Patience);
        }

        for (int i = 0; ; i++)
        {
            try
            {
                await using WebSocketConnection second = await host.OpenAsync("/");
                break;
            }
            catch (WebSocketHandshakeException) when (i < 1000)
            {
                await Task.Yield(); // the request ends right after its connection
            }
        }
    }

    [Fact]
    public async Task Result_of_a_minimal_api_upgrades()
    {
        await using WebHost host = await WebHost.StartAsync(app => app.MapGet("/{room}", (string room) => room == "closed"
            ? Results.NotFound()
            : new WebSocketResult(async (socket, cancel) => await socket.SendTextAsync(room, cancel))));
        await using WebSocketConnection socket = await host.OpenAsync("/open");
        Assert.Equal("open", (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        var e = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => host.OpenAsync("/closed"));
        Assert.Equal(404, e.StatusCode);
    }

    [Fact]
    public async Task Handlers_without_a_connection_or_a_task_are_refused_where_they_are_mapped()
    {
        await using WebHost host = await WebHost.StartAsync(app =>
        {
            Assert.Throws<ArgumentException>(() => app.MapWebSocket("/a", (string room) => Task.CompletedTask));
            Assert.Throws<ArgumentException>(() => app.MapWebSocket("/b", (WebSocketConnection one, WebSocketConnection two) => Task.CompletedTask));
            Assert.Throws<ArgumentException>(() => app.MapWebSocket("/c", (WebSocketConnection socket) => "text"));
        });
    }

    [Fact]
    public async Task Handler_that_throws_closes_with_1011()
    {
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket(
            "/{room}", Task (WebSocketConnection socket, string room) => throw new InvalidOperationException(room)));
        await using WebSocketConnection socket = await host.OpenAsync("/kitchen");
        CloseResult result = await socket.Closed.WaitAsync(WebHost.Patience);
        Assert.Equal((1011, ""), ((int)result.Code, result.Reason));
    }

    private sealed class Scoped;

    private sealed class Greeter(string word)
    {
        public string Greet(string name) => word + name;
    }

    private sealed class HeaderAuthentication(
        IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            string? user = Request.Headers["X-User"];
            if (user is null)
                return Task.FromResult(AuthenticateResult.NoResult());
            var principal = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, user)], Scheme.Name));
            return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(principal, Scheme.Name)));
        }
    }
}
