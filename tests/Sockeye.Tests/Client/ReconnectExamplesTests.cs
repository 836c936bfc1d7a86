using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>The examples of docs/reconnecting.md: each stands here between two marks, and is run.</summary>
public sealed class ReconnectExamplesTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("reconnecting.md", Path.Combine("Client", nameof(ReconnectExamplesTests) + ".cs"), count: 4);

    [Fact]
    public async Task Sequence()
    {
        await using ServerTest test = await GreetingAsync();
        var console = new StringWriter();
        using var cancel = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RunExampleAsync(test.Uri, console, cancel).Soon());
        Assert.Equal("feed", console.ToString().Trim());

        static async Task RunExampleAsync(string url, StringWriter Console, CancellationTokenSource stop)
        {
            CancellationToken cancel = stop.Token;
            // <example>
            await foreach (WebSocketConnection socket in WebSocketClient.ConnectForeverAsync(url, cancellationToken: cancel))
            {
                await socket.SendTextAsync("feed");
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    Show(message.GetText());
            }
            // </example>

            void Show(string text)
            {
                Console.WriteLine(text);
                stop.Cancel();
            }
        }
    }

    [Fact]
    public async Task Token()
    {
        await using ServerTest test = await GreetingAsync();
        // <example>
        var options = new ReconnectOptions
        {
            Connect = async (attempt, cancel) => await WebSocketClient.ConnectAsync(
                attempt.Uri, attempt.Options with { Headers = new() { { "Authorization", await GetTokenAsync(cancel) } } }, cancel),
            IsFatal = failure => failure.IsFatal && failure.StatusCode != 401, // the next token may be valid
        };
        // </example>
        await foreach (WebSocketConnection socket in WebSocketClient.ConnectForeverAsync(test.Uri, options))
        {
            Assert.Equal("Bearer 1", socket.Request!.Headers["Authorization"]);
            break;
        }

        static Task<string> GetTokenAsync(CancellationToken cancel) => Task.FromResult("Bearer 1").WaitAsync(cancel);
    }

    [Fact]
    public async Task Outbox()
    {
        await using ServerTest test = await GreetingAsync();
        string url = test.Uri;
        var log = new StringWriter();
        // <example>
        await using var socket = new ReconnectingWebSocket(url, new()
        {
            Subscribe = (connection, cancel) => connection.SendTextAsync("subscribe prices", cancel).AsTask(),
            MaxAge = TimeSpan.FromMinutes(1),
        });
        socket.StateChanged += (_, e) => log.WriteLine($"{e.Before} -> {e.State}");
        socket.MessageLost += (_, e) => log.WriteLine($"{e.Message.State}: {e.Message.Payload.Length} bytes");
        socket.Start();

        OutboxMessage order = await socket.SendTextAsync("buy 10");
        if (await order.Settled == DeliveryState.Uncertain)
            await AskWhetherItArrivedAsync(order);
        // </example>
        Assert.Equal(DeliveryState.Confirmed, order.State);
        await socket.CloseAsync().Soon();
        await Settle.UntilAsync(() => log.ToString().Contains("Closed", StringComparison.Ordinal));
        Assert.Equal(
            ["NotStarted -> Connecting", "Connecting -> Subscribing", "Subscribing -> Open", "Open -> Closing", "Closing -> Closed"],
            log.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));

        static Task AskWhetherItArrivedAsync(OutboxMessage message) => throw new InvalidOperationException($"It did: {message.State}");
    }

    [Fact]
    public async Task Reading()
    {
        await using ServerTest test = await GreetingAsync();
        await using var socket = new ReconnectingWebSocket(test.Uri);
        var console = new StringWriter();
        socket.Start();
        await socket.SendTextAsync("feed");
        await RunExampleAsync(socket, console).Soon();
        Assert.Equal("feed", console.ToString().Trim());

        static async Task RunExampleAsync(ReconnectingWebSocket socket, StringWriter Console)
        {
            // <example>
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                Console.WriteLine(message.GetText());
                _ = socket.CloseAsync(CloseCode.Normal, "seen enough"); // ends the loop
            }
            // </example>
        }
    }

    private static Task<ServerTest> GreetingAsync() => ServerTest.EchoAsync();
}
