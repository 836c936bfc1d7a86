using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Sockeye.Protocol;
using Sockeye.Tests;

namespace Sockeye.AspNetCore.Tests;

/// <summary>The examples of docs/aspnetcore.md: each stands here between two marks, and is run.</summary>
public sealed class DocumentedExamplesTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("aspnetcore.md", nameof(DocumentedExamplesTests) + ".cs", count: 11);

    [Fact]
    public async Task An_end_point()
    {
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                // <example>
                app.MapWebSocket("/chat/{room}", async (WebSocketConnection socket, string room, Greeter greeter, CancellationToken cancel) =>
                {
                    await socket.SendTextAsync(greeter.Greet(room), cancel);
                    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                        await socket.SendAsync(message, cancel);
                }).AddEndpointFilter(async (context, next) =>
                    context.GetArgument<string>(1) == "cellar" ? TypedResults.NotFound() : await next(context));
                // </example>
            },
            services => services.AddSingleton<Greeter>());
        using ClientWebSocket client = await host.ConnectAsync("/chat/kitchen");
        Assert.Equal("Welcome to the kitchen.", await client.ReceiveTextAsync());
        await client.SendTextAsync("echo");
        Assert.Equal("echo", await client.ReceiveTextAsync());
        var e = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => host.OpenAsync("/chat/cellar"));
        Assert.Equal(404, e.StatusCode);
    }

    [Fact]
    public async Task Without_reflection()
    {
        await using WebHost host = await WebHost.StartAsync(app =>
        {
            // <example>
            app.MapWebSocket("/echo", async (socket, cancel) =>
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    await socket.SendAsync(message, cancel);
            });
            // </example>
        });
        using ClientWebSocket client = await host.ConnectAsync("/echo");
        await client.SendTextAsync("echo");
        Assert.Equal("echo", await client.ReceiveTextAsync());
    }

    [Theory]
    [InlineData(Road.Http11)]
    [InlineData(Road.Http2)]
    public async Task A_result(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                // <example>
                app.MapMethods("/rooms/{room}", ["GET", "CONNECT"], (string room) => room == "cellar"
                    ? Results.NotFound()
                    : new WebSocketResult(async (socket, cancel) => await socket.SendTextAsync($"in {room}", cancel)));
                // </example>
            },
            road: road);
        using ClientWebSocket client = await host.ConnectAsync("/rooms/kitchen");
        Assert.Equal("in kitchen", await client.ReceiveTextAsync());
        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync("/rooms/cellar"));
    }

    [Fact]
    public async Task Controllers_and_middleware()
    {
        await using WebHost host = await WebHost.StartAsync(app =>
        {
            // <example>
            app.Map("/raw", async (HttpContext context) =>
            {
                await using WebSocketConnection? socket = await context.UpgradeWebSocketAsync();
                if (socket is not null)
                    await socket.SendTextAsync("hello");
            });
            // </example>
        });
        using ClientWebSocket client = await host.ConnectAsync("/raw");
        Assert.Equal("hello", await client.ReceiveTextAsync());
        await client.CloseAsync();
        Assert.Equal(WebSocketState.Closed, client.State);
    }

    [Fact]
    public async Task Options()
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", WebHost.EchoAsync), services => Configure(new Builder(services)));
        await using WebSocketConnection socket = await host.OpenAsync("/", new() { Origin = "https://example.com" });
        Assert.NotNull(socket.PerMessageDeflate);
        var e = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => host.OpenAsync("/", new() { Origin = "https://elsewhere.example" }));
        Assert.Equal(403, e.StatusCode);

        static void Configure(Builder builder)
        {
            // <example>
            builder.Services.AddSockeye(services => new WebSocketHostOptions
            {
                Accept = new WebSocketAcceptOptions
                {
                    AllowedOrigins = [services.GetRequiredService<IConfiguration>()["Page"] ?? "https://example.com"],
                    PerMessageDeflate = new PerMessageDeflateOptions(),
                },
                Drain = new DrainOptions { Code = CloseCode.ServiceRestart, Spread = TimeSpan.FromSeconds(5), Timeout = TimeSpan.FromSeconds(10) },
            });
            // </example>
        }
    }

    [Fact]
    public async Task Who_is_connected()
    {
        await using WebHost running = await WebHost.StartAsync(
            configure: builder =>
            {
                // <example>
                builder.Services.AddSockeye();
                // </example>
            },
            map: app =>
            {
                app.MapWebSocket("/feed", WebHost.EchoAsync);
                // <example>
                app.MapGet("/online", (WebSocketHost host) => host.Connections.Count);
                app.MapPost("/news", (WebSocketHost host, string text) => host.Broadcast(new PreparedMessage(text), path: "/feed").Accepted);
                app.Services.GetRequiredService<WebSocketHost>().HandshakeFailed += failed =>
                    Console.WriteLine($"{failed.RemoteEndPoint}: {failed.StatusCode} {failed.Reason}");
                // </example>
            });
        using ClientWebSocket feed = await running.ConnectAsync("/feed");
        await feed.SendTextAsync("an answer tells that it is among them");
        await feed.ReceiveTextAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://{running.Host}") };
        Assert.Equal("1", await http.GetStringAsync(new Uri("/online", UriKind.Relative)));
        using HttpResponseMessage told = await http.PostAsync(new Uri("/news?text=hello", UriKind.Relative), content: null);
        Assert.Equal("1", await told.Content.ReadAsStringAsync());
        Assert.Equal("hello", await feed.ReceiveTextAsync());
    }

    [Fact]
    public async Task Clients()
    {
        await using WebHost server = await WebHost.StartAsync(app => app.MapWebSocket(
            "/", async (socket, cancel) => await socket.SendTextAsync(socket.Request!.Headers["Authorization"]!, cancel), new() { Subprotocols = ["feed.v2"] }));
        await using WebHost host = await WebHost.StartAsync(
            _ => { },
            services => Configure(new Builder(services)),
            configure: builder => builder.Configuration["Token"] = "secret");
        Assert.Equal("feed.v2: Bearer secret", await ReadAsync(
            host.Services.GetRequiredService<IWebSocketClientFactory>(), $"ws://{server.Host}/", TestContext.Current.CancellationToken));

        static void Configure(Builder builder)
        {
            // <example>
            builder.Services.AddWebSocketClient("feed", services => new WebSocketClientOptions
            {
                Headers = new() { { "Authorization", "Bearer " + services.GetRequiredService<IConfiguration>()["Token"] } },
                Subprotocols = ["feed.v2"],
            });
            // </example>
        }

        static async Task<string> ReadAsync(IWebSocketClientFactory clients, string address, CancellationToken cancel)
        {
            // <example>
            await using WebSocketConnection feed = await clients.ConnectAsync("feed", address, cancel);
            // </example>
            return $"{feed.Subprotocol}: {(await feed.ReceiveAsync(cancel).AsTask().WaitAsync(WebHost.Patience, cancel)).GetText()}";
        }
    }

    [Fact]
    public async Task Less_processor_time()
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (socket, cancel) =>
            {
                await foreach (WebSocketMessage _ in socket.ReadAllAsync(cancel))
                    await socket.SendTextAsync(Thread.CurrentThread.Name ?? "", cancel);
            }),
            configure: builder =>
            {
                // <example>
                builder.WebHost.UseEventLoops();
                // </example>
            });
        await using WebSocketConnection socket = await host.OpenAsync("/");
        // Whoever leads the loop answers what it receives; what has been there before the handler waits for it, any thread.
        string name = "";
        for (int asked = 0; asked < 1000 && !name.StartsWith("Sockeye event l", StringComparison.Ordinal); asked++)
        {
            await socket.SendTextAsync("Who are you?");
            name = (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText();
        }

        Assert.StartsWith("Sockeye event l", name, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Less_processor_time_on_sockets_of_Kestrel()
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", WebHost.EchoAsync),
            configure: builder =>
            {
                // <example>
                builder.WebHost.TuneForWebSockets(inlineScheduling: true);
                // </example>
            });
        await using WebSocketConnection socket = await host.OpenAsync("/");
        await socket.SendTextAsync("echo");
        Assert.Equal("echo", (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        Assert.True(host.Services.GetRequiredService<IOptions<SocketTransportOptions>>().Value.UnsafePreferInlineScheduling);
    }

    private sealed record Builder(IServiceCollection Services);

    private sealed class Greeter
    {
        public string Greet(string room) => $"Welcome to the {room}.";
    }
}
