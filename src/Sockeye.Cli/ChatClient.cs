using Sockeye.Protocol;

namespace Sockeye.Cli;

/// <summary>The client half of <c>sockeye chat</c>.</summary>
internal static class ChatClient
{
    public static async Task<int> RunAsync(string url, string? key, CancellationToken cancel)
    {
        var headers = new HttpHeaders();
        if (key is not null)
            headers.Add(ChatCommand.KeyHeader, key);

        Console.WriteLine("Connecting to server ...");
        WebSocketConnection socket;
        try
        {
            socket = await WebSocketClient.ConnectAsync(url, new WebSocketClientOptions { Headers = headers }, cancel);
        }
        catch (Exception e) when (e is WebSocketHandshakeException or ArgumentException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync(TerminalText.Escape(e.Message));
            Console.WriteLine("Failed to connect to server ... exiting");
            return 1;
        }

        await using (socket)
        {
            Console.WriteLine("Connected to server ...");
            try
            {
                await TalkAsync(socket, cancel);
            }
            catch (Exception e) when (e is WebSocketClosedException or OperationCanceledException)
            {
                // The server has gone, or Ctrl-C: either way the talk is over.
            }
        }

        Console.WriteLine("Disconnected from server ...");
        return 0;
    }

    private static async Task TalkAsync(WebSocketConnection socket, CancellationToken cancel)
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
        {
            Console.WriteLine($"SERVER >> {TerminalText.Escape(message.GetText())}");
            Console.Write("Client >> ");
            // Reading the console blocks; a server that leaves meanwhile is noticed.
            Task<string?> line = Task.Run(Console.In.ReadLine, cancel);
            await Task.WhenAny(line, socket.Closed).WaitAsync(cancel);
            if (!line.IsCompleted)
                return;

            string? reply = await line;
            if (reply is null or "exit")
                return;
            await socket.SendTextAsync(reply.Length == 0 ? "No reply" : reply, cancel);
        }
    }
}
