using System.CommandLine;
using System.Security.Cryptography;
using Sockeye.Protocol;

namespace Sockeye.Cli;

/// <summary><c>sockeye connect</c>: lines in, messages out; for pipes as well as for a terminal.</summary>
internal static class ConnectCommand
{
    public static Command Create()
    {
        var url = new Argument<string>("url") { Description = "The server, such as wss://example.com/feed." };
        var command = new Command("connect", "Connects to a server: standard input goes out as text, a message a line.") { url };
        var arguments = new ClientArguments();
        arguments.AddTo(command);
        command.SetAction((parsed, cancel) => RunAsync(parsed.GetValue(url)!, () => arguments.Read(parsed), cancel));
        return command;
    }

    private static async Task<int> RunAsync(string url, Func<WebSocketClientOptions> options, CancellationToken cancel)
    {
        WebSocketConnection socket;
        try
        {
            socket = await WebSocketClient.ConnectAsync(url, options(), cancel);
        }
        catch (Exception e) when (e is WebSocketHandshakeException or ArgumentException or IOException or CryptographicException)
        {
            await Console.Error.WriteLineAsync(TerminalText.Escape(e.Message));
            return 1;
        }
        catch (OperationCanceledException)
        {
            return 130;
        }

        await using (socket)
        {
            Task sending = SendLinesAsync(socket);
            Task printing = PrintMessagesAsync(socket);
            try
            {
                await socket.Closed.WaitAsync(cancel);
            }
            catch (OperationCanceledException)
            {
                await socket.CloseAsync(CloseCode.Normal, "", CancellationToken.None);
            }

            await printing;
            if (sending.IsFaulted)
                await sending;
            CloseResult end = await socket.Closed;
            string reason = end.Reason.Length > 0 ? $" {TerminalText.Escape(end.Reason)}" : "";
            await Console.Error.WriteLineAsync($"closed {(int)end.Code}{reason}");
            return end.IsClean ? 0 : 1;
        }
    }

    /// <summary>Sends each line of standard input; closes at its end.</summary>
    private static async Task SendLinesAsync(WebSocketConnection socket)
    {
        // The console blocks: it is read on a thread of the pool, which the end of the process does not wait for.
        await Task.Run(async () =>
        {
            try
            {
                while (await Console.In.ReadLineAsync() is { } line)
                    await socket.SendTextAsync(line);
                await WaitForAnswersAsync(socket);
                _ = socket.CloseAsync();
            }
            catch (WebSocketClosedException)
            {
                // How it ended is told once, at the end.
            }
        });
    }

    /// <summary>Lets the server answer what was sent: messages that come after our Close would be dropped.</summary>
    private static async Task WaitForAnswersAsync(WebSocketConnection socket)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            await socket.ConfirmAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            // A server that does not answer pings is not waited for longer.
        }
    }

    private static async Task PrintMessagesAsync(WebSocketConnection socket)
    {
        bool isTerminal = !Console.IsOutputRedirected;
        try
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                if (message.IsBinary)
                    Console.WriteLine($"(binary, {message.Length} bytes) {Convert.ToHexStringLower(message.Span[..Math.Min(64, message.Length)])}{(message.Length > 64 ? "…" : "")}");
                else
                    Console.WriteLine(isTerminal ? TerminalText.Escape(message.GetText()) : message.GetText());
            }
        }
        catch (WebSocketClosedException)
        {
            // How it ended is told once, at the end.
        }
    }
}
