using System.CommandLine;
using Sockeye.Protocol;

namespace Sockeye.Cli;

/// <summary><c>sockeye connect</c>: lines in, messages out; for pipes as well as for a terminal.</summary>
internal static class ConnectCommand
{
    public static Command Create()
    {
        var url = new Argument<string>("url") { Description = "The server, such as wss://example.com/feed." };
        var headers = new Option<string[]>("--header", "-H") { Description = "A header to send: 'Name: value'." };
        var subprotocols = new Option<string[]>("--subprotocol", "-s") { Description = "A subprotocol to offer." };
        var authorities = new Option<FileInfo?>("--cacert") { Description = "PEM certificates to trust instead of the system's." };
        var command = new Command("connect", "Connects to a server: standard input goes out as text, a message a line.")
        {
            url, headers, subprotocols, authorities,
        };
        command.SetAction((parsed, cancel) => RunAsync(
            parsed.GetValue(url)!, parsed.GetValue(headers) ?? [], parsed.GetValue(subprotocols) ?? [], parsed.GetValue(authorities), cancel));
        return command;
    }

    private static async Task<int> RunAsync(
        string url, string[] headers, string[] subprotocols, FileInfo? authorities, CancellationToken cancel)
    {
        WebSocketConnection socket;
        try
        {
            var options = new WebSocketClientOptions
            {
                Headers = ParseHeaders(headers),
                Subprotocols = subprotocols,
                Tls = authorities is null ? null : TrustedAuthorities.Load(authorities.FullName),
            };
            socket = await WebSocketClient.ConnectAsync(url, options, cancel);
        }
        catch (Exception e) when (e is WebSocketHandshakeException or ArgumentException or IOException)
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

    private static HttpHeaders ParseHeaders(string[] headers)
    {
        var parsed = new HttpHeaders();
        foreach (string header in headers)
        {
            int colon = header.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0)
                throw new ArgumentException($"The header '{header}' has no colon: write 'Name: value'.");
            parsed.Add(header[..colon].Trim(), header[(colon + 1)..].Trim());
        }

        return parsed;
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
