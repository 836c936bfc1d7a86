using System.Net.Sockets;

namespace Sockeye.Cli;

/// <summary>The serving half of <c>sockeye chat</c>.</summary>
internal static class ChatServer
{
    // In order: of the keys that a message contains, the last one wins.
    private static readonly (string Key, string Answer)[] Answers =
    [
        ("help", "Sure, I am here to help. Can you briefly describe the problem."),
        ("hi", Greeting),
        ("hello", Greeting),
    ];

    private const string Greeting = "Hi, how can I help you today?";
    private const string Unknown = "Sorry, I am unable to understand you.";

    public static async Task<int> RunAsync(WebSocketServerOptions options, string? key, CancellationToken cancel)
    {
        await using var server = new WebSocketServer(options);
        try
        {
            await server.StartAsync(cancel);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }

        Console.WriteLine($"Listening on {(options.Tls is null ? "ws" : "wss")}://{server.EndPoints[0]}");
        Console.WriteLine("Waiting for clients ...");
        try
        {
            await foreach (UpgradeRequest request in server.UpgradeRequestsAsync(cancel))
            {
                Console.WriteLine("Incoming connection from client ...");
                _ = ServeAsync(request, key, cancel);
            }
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C.
        }

        await server.StopAsync(CancellationToken.None);
        return 0;
    }

    private static async Task ServeAsync(UpgradeRequest request, string? key, CancellationToken cancel)
    {
        try
        {
            if (key is not null
                && !Credentials.Equal(request.Headers[ChatCommand.KeyHeader], key)
                && !Credentials.Equal(request.GetQueryValue(ChatCommand.KeyParameter), key))
            {
                await request.RejectAsync(403, body: "This server wants a key that you did not present.");
                return;
            }

            await using WebSocketConnection socket = await request.AcceptAsync(cancellationToken: cancel);
            Console.WriteLine("Connection established with client ...");
            await SayAsync(socket, Greeting, cancel);
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                if (!message.IsText)
                    continue;
                string text = message.GetText();
                Console.WriteLine($"CLIENT >> {TerminalText.Escape(text)}");
                await SayAsync(socket, Answer(text), cancel);
            }

            Console.WriteLine("Connection closed by client ...");
        }
        catch (WebSocketClosedException)
        {
            Console.WriteLine("Connection closed by client ...");
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The client left during the handshake, or the server stops.
        }
    }

    private static string Answer(string text)
    {
        string answer = Unknown;
        foreach ((string key, string candidate) in Answers)
        {
            if (text.Contains(key, StringComparison.Ordinal))
                answer = candidate;
        }

        return answer;
    }

    private static async Task SayAsync(WebSocketConnection socket, string text, CancellationToken cancel)
    {
        await socket.SendTextAsync(text, cancel);
        Console.WriteLine($"SERVER >> {text}");
    }
}
