// The support chat of a well-known article on WebSockets in Deno: a server that answers by a table, and its client.
//   dotnet run --project samples/ArticleChat -- server [port]
//   dotnet run --project samples/ArticleChat -- client [url]
using Sockeye;

string role = args.ElementAtOrDefault(0) ?? "server";
string? where = args.ElementAtOrDefault(1);
await (role == "server" ? ServeAsync(int.Parse(where ?? "5000")) : TalkAsync(where ?? "ws://127.0.0.1:5000"));

static async Task ServeAsync(int port)
{
    (string Key, string Answer)[] answers =
    [
        ("help", "Sure, I am here to help. Can you briefly describe the problem."),
        ("hi", "Hi, how can I help you today?"),
        ("hello", "Hi, how can I help you today?"),
    ];
    await using var server = new WebSocketServer(new() { Port = port });
    server.Map("/", async (socket, cancel) =>
    {
        Console.WriteLine("Connection established with client ...");
        await socket.SendTextAsync(answers[1].Answer, cancel);
        await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
        {
            string text = message.GetText();
            Console.WriteLine($"CLIENT >> {text}");
            string? answer = answers.LastOrDefault(entry => text.Contains(entry.Key, StringComparison.Ordinal)).Answer;
            await socket.SendTextAsync(answer ?? "Sorry, I am unable to understand you.", cancel);
        }

        Console.WriteLine("Connection closed by client ...");
    });
    await server.StartAsync();
    Console.WriteLine($"Listening on ws://{server.EndPoints[0]}");
    Console.WriteLine("Waiting for clients ...");
    await server.RunAsync();
}

static async Task TalkAsync(string url)
{
    Console.WriteLine("Connecting to server ...");
    await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(url);
    Console.WriteLine("Connected to server ...");
    await foreach (WebSocketMessage message in socket.ReadAllAsync())
    {
        Console.WriteLine($"SERVER >> {message.GetText()}");
        Console.Write("Client >> ");
        string reply = Console.ReadLine() ?? "exit";
        if (reply == "exit")
            break;
        await socket.SendTextAsync(reply.Length == 0 ? "No reply" : reply);
    }

    await socket.CloseAsync();
    Console.WriteLine("Disconnected from server ...");
}
