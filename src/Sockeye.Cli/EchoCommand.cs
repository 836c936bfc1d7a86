using System.CommandLine;
using System.Globalization;
using System.Net;

namespace Sockeye.Cli;

/// <summary><c>sockeye echo</c>: a server that sends every message back.</summary>
internal static class EchoCommand
{
    public static Command Create()
    {
        var port = new Option<int>("--port") { Description = "The port to listen on; 0 takes any free one.", DefaultValueFactory = _ => 8080 };
        var host = new Option<string>("--host") { Description = "The address to listen on.", DefaultValueFactory = _ => "127.0.0.1" };
        var certificate = new Option<FileInfo?>("--cert") { Description = "A certificate with its key, PFX or PEM: serves wss." };
        var origins = new Option<string[]>("--allow-origin") { Description = "An origin to accept from browsers; any where none is given." };
        var deflate = new Option<bool>("--deflate") { Description = "Compresses messages with clients that offer permessage-deflate." };
        var maxMessage = new Option<long>("--max-message")
        {
            Description = "The largest message that is received, in bytes; 0 is unlimited.",
            DefaultValueFactory = _ => WebSocketConnectionOptions.Default.MaxMessageSize,
        };
        maxMessage.Check(value => value >= 0, "--max-message is a number of bytes, or 0 for no limit.");
        var verbose = new Option<bool>("--verbose") { Description = "Prints every event." };
        var command = new Command("echo", "Runs an echo server.") { port, host, certificate, origins, deflate, maxMessage, verbose };
        command.SetAction((parsed, cancel) => RunAsync(
            ServerOptions.Create(parsed.GetValue(host)!, parsed.GetValue(port), parsed.GetValue(certificate), parsed.GetValue(origins)),
            new WebSocketAcceptOptions
            {
                PerMessageDeflate = parsed.GetValue(deflate) ? PerMessageDeflateOptions.Default : null,
                Connection = new WebSocketConnectionOptions { MaxMessageSize = parsed.GetValue(maxMessage) },
            },
            parsed.GetValue(verbose),
            cancel));
        return command;
    }

    private static async Task<int> RunAsync(
        WebSocketServerOptions options, WebSocketAcceptOptions accept, bool verbose, CancellationToken cancel)
    {
        await using var server = new WebSocketServer(options);
        server.Map("/*", verbose ? EchoEventsAsync : EchoAsync, accept);
        return await ServerOptions.RunAsync(server, options, cancel);
    }

    private static async Task EchoAsync(WebSocketConnection socket, CancellationToken cancel)
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            await socket.SendAsync(message, cancel);
    }

    private static async Task EchoEventsAsync(WebSocketConnection socket, CancellationToken cancel)
    {
        EndPoint? peer = socket.RemoteEndPoint;
        Print(peer, $"open{(socket.Subprotocol is { } subprotocol ? $" subprotocol {subprotocol}" : "")}");
        await foreach (WebSocketEvent e in socket.ReadEventsAsync(cancel))
        {
            if (e.Kind == WebSocketEventKind.Close)
            {
                Print(peer, $"close {(int)e.CloseCode} {TerminalText.Escape(e.CloseReason)} ({e.Close.Cause})");
                break;
            }

            Print(peer, $"{e.Kind.ToString().ToLowerInvariant()} {e.Data.Length} bytes");
            if (e.Kind is WebSocketEventKind.Text or WebSocketEventKind.Binary)
                await socket.SendAsync(e.Message, cancel);
        }
    }

    private static void Print(EndPoint? peer, string what) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{DateTime.Now:HH:mm:ss.fff} {peer} {what}"));
}
