using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>A Sockeye server that keeps the contract of the peers' servers: it echoes, and obeys commands that begin with '!'.</summary>
internal static class EchoHost
{
    /// <summary>Starts a server.</summary>
    /// <param name="scheme"><c>ws</c> or <c>wss</c>.</param>
    /// <param name="ends">Takes how each connection ended.</param>
    /// <param name="deflate">How messages are compressed; null for not at all.</param>
    /// <param name="agreed">Takes what each connection agreed on for compression.</param>
    public static async Task<WebSocketServer> StartAsync(
        string scheme,
        List<CloseResult>? ends = null,
        PerMessageDeflateOptions? deflate = null,
        ConcurrentQueue<DeflateParameters?>? agreed = null)
    {
        var server = new WebSocketServer(new()
        {
            Port = 0,
            Tls = scheme == "wss" ? ServerCertificate.FromPemFile(Peers.Certificate("server.pem"), Peers.Certificate("server.key")) : null,
            AllowedOrigins = ["*"], // the page in the browser comes from another port
        });
        server.Map("/", RunAsync, new() { Subprotocols = ["echo.v1"], PerMessageDeflate = deflate });
        await server.StartAsync();
        return server;

        Task RunAsync(WebSocketConnection socket, CancellationToken cancel)
        {
            agreed?.Enqueue(socket.PerMessageDeflate);
            return ServeAsync(socket, ends, cancel);
        }
    }

    public static string UrlOf(WebSocketServer server, string scheme) => $"{scheme}://localhost:{((IPEndPoint)server.EndPoints[0]).Port}/";

    public static async Task ServeAsync(WebSocketConnection socket, List<CloseResult>? ends, CancellationToken cancel)
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
        {
            if (!message.IsText || !await ObeyAsync(socket, message.GetText()))
                await socket.SendAsync(message, cancel);
        }

        CloseResult end = await socket.Closed;
        lock (ends ?? [])
            ends?.Add(end);
    }

    private static async Task<bool> ObeyAsync(WebSocketConnection socket, string text)
    {
        string[] words = text.Split(' ', 3);
        switch (words[0])
        {
            case "!close":
                await socket.CloseAsync((CloseCode)int.Parse(words[1], CultureInfo.InvariantCulture), words[2]);
                return true;
            case "!ping":
                await socket.PingAsync(Encoding.UTF8.GetBytes(words[1]));
                await socket.SendTextAsync($"pong {words[1]}");
                return true;
            case "!fragments":
                await SendInFragmentsAsync(socket, int.Parse(words[1], CultureInfo.InvariantCulture), Encoding.UTF8.GetBytes(words[2]));
                return true;
            default:
                return false;
        }
    }

    private static async Task SendInFragmentsAsync(WebSocketConnection socket, int count, byte[] bytes)
    {
        await using StreamedMessage message = socket.OpenMessage(WebSocketMessageKind.Text);
        for (int i = 0; i < count; i++)
        {
            ReadOnlyMemory<byte> piece = bytes.AsMemory((bytes.Length * i / count)..(bytes.Length * (i + 1) / count));
            if (i < count - 1)
                await message.WriteAsync(piece);
            else
                await message.CompleteAsync(piece);
        }
    }
}
