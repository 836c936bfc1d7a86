// Echo server on System.Net.WebSockets over Kestrel, for suites that judge servers: dotnet KestrelEcho.dll [--port N]
// It only echoes, as its documentation shows it: no subprotocol, no command, one message after the other.

using System.Net;
using System.Net.WebSockets;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, args is ["--port", string port] ? int.Parse(port) : 0));
WebApplication app = builder.Build();
app.UseWebSockets();
app.Run(ServeAsync);
await app.StartAsync();
Console.WriteLine($"LISTENING {new Uri(app.Urls.Single()).Port}");

// No orphan outlives its parent.
await Console.In.ReadToEndAsync();
await app.StopAsync();

static async Task ServeAsync(HttpContext context)
{
    using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext { DangerousEnableCompression = true });
    try
    {
        await EchoAsync(socket);
    }
    catch (WebSocketException)
    {
        // The client broke a rule, or the connection.
    }
}

static async Task EchoAsync(WebSocket socket)
{
    byte[] buffer = new byte[64 * 1024];
    using var message = new MemoryStream();
    while (true)
    {
        WebSocketReceiveResult part = await socket.ReceiveAsync(new ArraySegment<byte>(buffer), CancellationToken.None);
        if (part.MessageType == WebSocketMessageType.Close)
        {
            await socket.CloseAsync(socket.CloseStatus ?? WebSocketCloseStatus.Empty, socket.CloseStatusDescription, CancellationToken.None);
            return;
        }

        message.Write(buffer, 0, part.Count);
        if (part.EndOfMessage)
        {
            await socket.SendAsync(message.GetBuffer().AsMemory(0, (int)message.Length), part.MessageType, endOfMessage: true, CancellationToken.None);
            message.SetLength(0);
        }
    }
}
