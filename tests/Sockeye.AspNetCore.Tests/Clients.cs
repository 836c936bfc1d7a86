using System.Net.WebSockets;
using System.Text;

namespace Sockeye.AspNetCore.Tests;

/// <summary>What the tests do with the client of the framework.</summary>
internal static class Clients
{
    private static CancellationToken Patience => new CancellationTokenSource(WebHost.Patience).Token;

    public static Task SendTextAsync(this ClientWebSocket client, string text) =>
        client.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, Patience);

    /// <summary>Reads a whole message; null where the server closes.</summary>
    public static async Task<byte[]?> ReceiveAsync(this ClientWebSocket client)
    {
        using var message = new MemoryStream();
        byte[] buffer = new byte[16 * 1024];
        while (true)
        {
            WebSocketReceiveResult part = await client.ReceiveAsync(buffer, Patience);
            if (part.MessageType == WebSocketMessageType.Close)
                return null;
            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
                return message.ToArray();
        }
    }

    public static async Task<string?> ReceiveTextAsync(this ClientWebSocket client) =>
        await ReceiveAsync(client) is { } bytes ? Encoding.UTF8.GetString(bytes) : null;

    public static Task CloseAsync(this ClientWebSocket client, string reason = "") =>
        client.CloseAsync(WebSocketCloseStatus.NormalClosure, reason, Patience);
}
