using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>The session of Sockeye's client with a server that keeps the contract of the peers.</summary>
internal static class ClientSession
{
    /// <summary>Runs the session.</summary>
    /// <param name="url">The address of the server.</param>
    /// <param name="compresses">Whether the server accepts permessage-deflate.</param>
    public static async Task RunAsync(string url, bool compresses)
    {
        await EchoesAsync(url, compresses);
        await ClosedByTheServerAsync(url);
        await WithoutSubprotocolAsync(url);
    }

    private static Task<WebSocketConnection> ConnectAsync(string url, params string[] subprotocols) =>
        WebSocketClient.ConnectAsync(url, new() { Subprotocols = subprotocols, Tls = TestAuthority.ClientOptions() });

    private static async Task EchoesAsync(string url, bool compresses)
    {
        await using WebSocketConnection socket = await ConnectAsync(url, "nope.v9", "echo.v1");
        Assert.Equal("echo.v1", socket.Subprotocol);
        Assert.Equal(compresses, socket.PerMessageDeflate is not null);
        foreach (int size in Payloads.Sizes)
        {
            string text = Payloads.Text(size);
            await socket.SendTextAsync(text);
            Assert.Equal(text, await ReadTextAsync(socket));

            byte[] binary = Payloads.Binary(size);
            await socket.SendAsync(binary);
            WebSocketMessage message = await socket.ReceiveAsync();
            Assert.Equal(WebSocketMessageKind.Binary, message.Kind);
            Assert.True(message.Span.SequenceEqual(binary));
        }

        await FragmentedAsync(socket);
        await AskAsync(socket, "!fragments 3 hello fragments", "hello fragments");
        // Back to back: the pong must find its way past the messages.
        Task<TimeSpan> ping = socket.PingAsync(Encoding.UTF8.GetBytes("are you there? 🐟"));
        await AskAsync(socket, "!ping hello", "pong hello");
        Assert.True(await ping >= TimeSpan.Zero);
        Assert.True(await socket.ConfirmAsync() >= TimeSpan.Zero);

        CloseResult end = await socket.CloseAsync((CloseCode)4001, "bye from client");
        Assert.True(end.IsClean, end.ToString());
        Assert.Equal((CloseCode)4001, end.ReceivedCode);
        Assert.Equal(CloseInitiator.Local, end.Initiator);
    }

    private static async Task FragmentedAsync(WebSocketConnection socket)
    {
        string text = Payloads.Text(3000);
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        await using (StreamedMessage message = socket.OpenMessage(WebSocketMessageKind.Text))
        {
            await message.WriteAsync(bytes.AsMemory(0, 1001)); // inside a character, as it comes
            await message.WriteAsync(bytes.AsMemory(1001, 1001));
            await message.CompleteAsync(bytes.AsMemory(2002));
        }

        Assert.Equal(text, await ReadTextAsync(socket));
    }

    private static async Task ClosedByTheServerAsync(string url)
    {
        await using WebSocketConnection socket = await ConnectAsync(url, "nope.v9", "echo.v1");
        await socket.SendTextAsync("!close 4002 bye from server");
        Assert.True((await socket.ReceiveAsync()).IsEnd);
        CloseResult end = await socket.Closed;
        Assert.True(end.IsClean, end.ToString());
        Assert.Equal(((CloseCode)4002, "bye from server", CloseInitiator.Peer), (end.Code, end.Reason, end.Initiator));
    }

    private static async Task WithoutSubprotocolAsync(string url)
    {
        await using WebSocketConnection socket = await ConnectAsync(url);
        Assert.Null(socket.Subprotocol);
        CloseResult end = await socket.CloseAsync();
        Assert.True(end.IsClean, end.ToString());
        Assert.Equal(CloseCode.Normal, end.ReceivedCode);
    }

    private static async Task AskAsync(WebSocketConnection socket, string command, string expected)
    {
        await socket.SendTextAsync(command);
        string answer = await ReadTextAsync(socket);
        if (answer != "unsupported") // Deno's API has neither pings nor fragments
            Assert.Equal(expected, answer);
    }

    private static async Task<string> ReadTextAsync(WebSocketConnection socket)
    {
        WebSocketMessage message = await socket.ReceiveAsync();
        Assert.Equal(WebSocketMessageKind.Text, message.Kind);
        return message.GetText();
    }
}
