using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Sockeye.Protocol;
using Sockeye.Tests;
using Sockeye.Tests.Guides;

namespace Sockeye.AspNetCore.Tests.Guides;

/// <summary>The examples of docs/coming-from-system-net-websockets.md, which port those of the framework's own documentation: each stands
/// here between two marks, and is run.</summary>
public sealed class ComingFromSystemNetWebSocketsTests
{
    private const string Page = "coming-from-system-net-websockets.md";

    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown(Page, Path.Combine("Guides", nameof(ComingFromSystemNetWebSocketsTests) + ".cs"), count: 7);

    [Fact]
    public async Task An_end_point()
    {
        await using WebHost host = await WebHost.StartAsync(app =>
        {
            // <example>
            app.MapWebSocket("/ws", async (socket, cancel) =>
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    await socket.SendAsync(message, cancel);
            });
            // </example>
        });
        using ClientWebSocket client = await host.ConnectAsync("/ws");
        await client.SendTextAsync("echo");
        Assert.Equal("echo", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task A_middleware()
    {
        await using WebHost host = await WebHost.StartAsync(app =>
        {
            // <example>
            app.Use(async (context, next) =>
            {
                if (context.Request.Path != "/ws")
                {
                    await next(context);
                    return;
                }

                await using WebSocketConnection? socket = await context.UpgradeWebSocketAsync();
                if (socket is not null) // else the request was none to upgrade, and has been answered
                    await EchoAsync(socket);
            });
            // </example>
        });
        using ClientWebSocket client = await host.ConnectAsync("/ws");
        await client.SendTextAsync("echo");
        Assert.Equal("echo", await client.ReceiveTextAsync());
        await client.CloseAsync();

        static Task EchoAsync(WebSocketConnection socket) => WebHost.EchoAsync(socket, CancellationToken.None);
    }

    [Fact]
    public async Task Options()
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", WebHost.EchoAsync), configure: Configure);
        await using WebSocketConnection socket = await host.OpenAsync("/", new() { Origin = "https://www.client.example" });
        Assert.True(socket.IsOpen);
        var e = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => host.OpenAsync("/", new() { Origin = "https://elsewhere.example" }));
        Assert.Equal(403, e.StatusCode);

        static void Configure(WebApplicationBuilder builder)
        {
            // <example>
            builder.Services.AddSockeye(new WebSocketHostOptions
            {
                Accept = new()
                {
                    AllowedOrigins = ["https://client.example", "https://www.client.example"],
                    Connection = new() { IdleTimeout = TimeSpan.FromMinutes(2) },
                },
            });
            // </example>
        }
    }

    [Fact]
    public async Task A_client()
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/ws", WebHost.EchoAsync, new() { Subprotocols = ["v1"] }));
        var console = new ExampleConsole();
        await RunExampleAsync($"ws://{host.Host}/ws", console, CancellationToken.None).WaitAsync(WebHost.Patience);
        Assert.Equal("Hello WebSocket", await console.ReadAsync());
        Assert.Equal("1000 True", await console.ReadAsync());

        static async Task RunExampleAsync(string uri, ExampleConsole Console, CancellationToken cancel)
        {
            // <example>
            var options = new WebSocketClientOptions
            {
                Subprotocols = ["v1"],
                Headers = new() { { "X-Example", "1" } },
                Connection = new() { IdleTimeout = TimeSpan.FromMinutes(1) },
            };
            await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(uri, options, cancel);
            await socket.SendTextAsync("Hello WebSocket", cancel);
            WebSocketMessage answer = await socket.ReceiveAsync(cancel); // the whole message, however long
            Console.WriteLine(answer.GetText());
            CloseResult end = await socket.CloseAsync(CloseCode.Normal, "Client closed", cancel);
            Console.WriteLine($"{(int)end.Code} {end.IsClean}");
            // </example>
        }
    }

    [Fact]
    public async Task Failures()
    {
        await using WebHost host = await WebHost.StartAsync(app =>
        {
            app.MapGet("/refused", () => Results.StatusCode(403));
            app.MapWebSocket("/aborted", async (socket, cancel) =>
            {
                await socket.PingAsync(cancellationToken: cancel); // a reset takes with it what the client has not read
                socket.Abort();
            });
        });
        var console = new ExampleConsole();
        await RunExampleAsync($"ws://{host.Host}/refused", console, CancellationToken.None).WaitAsync(WebHost.Patience);
        Assert.Equal("Not connected: Status 403", await console.ReadAsync());
        await RunExampleAsync($"ws://{host.Host}/aborted", console, CancellationToken.None).WaitAsync(WebHost.Patience);
        Assert.StartsWith("Broken: Transport", await console.ReadAsync(), StringComparison.Ordinal);

        static async Task RunExampleAsync(string uri, ExampleConsole Console, CancellationToken cancel)
        {
            // <example>
            try
            {
                await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(uri, cancellationToken: cancel);
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    Console.WriteLine(message.GetText());
            }
            catch (WebSocketHandshakeException e)
            {
                Console.WriteLine($"Not connected: {e.Cause} {e.StatusCode}");
            }
            catch (WebSocketClosedException e)
            {
                Console.WriteLine($"Broken: {e.Result.Cause} {(int)e.Result.Code} {e.Result.Reason}");
            }
            // </example>
        }
    }

    [Fact]
    public async Task Messages_in_pieces()
    {
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync));
        await using WebSocketConnection socket = await host.OpenAsync("/");
        byte[] first = "in two "u8.ToArray(), last = "pieces"u8.ToArray();
        // <example>
        await using StreamedMessage message = socket.OpenMessage(WebSocketMessageKind.Text);
        await message.WriteAsync(first);
        await message.CompleteAsync(last);
        // </example>
        Assert.Equal("in two pieces", (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
    }

    [Fact]
    public async Task Code_that_takes_the_type_of_the_framework()
    {
        await using WebHost host = await WebHost.StartAsync(app =>
        {
            // <example>
            app.MapWebSocket("/old", async (socket, cancel) =>
            {
                using WebSocket webSocket = socket.AsWebSocket();
                await Echo(webSocket, cancel); // as it was
            });
            // </example>
        });
        using ClientWebSocket client = await host.ConnectAsync("/old");
        await client.SendTextAsync("echo");
        Assert.Equal("echo", await client.ReceiveTextAsync());
        await client.CloseAsync("done");
        Assert.Equal((WebSocketCloseStatus.NormalClosure, "done"), (client.CloseStatus, client.CloseStatusDescription));

        static async Task Echo(WebSocket webSocket, CancellationToken cancel)
        {
            byte[] buffer = new byte[1024 * 4];
            WebSocketReceiveResult received = await webSocket.ReceiveAsync(new ArraySegment<byte>(buffer), cancel);
            while (!received.CloseStatus.HasValue)
            {
                await webSocket.SendAsync(new ArraySegment<byte>(buffer, 0, received.Count), received.MessageType, received.EndOfMessage, cancel);
                received = await webSocket.ReceiveAsync(new ArraySegment<byte>(buffer), cancel);
            }

            await webSocket.CloseAsync(received.CloseStatus.Value, received.CloseStatusDescription, cancel);
        }
    }
}
