// The framework's own System.Net.WebSockets on Kestrel: dotnet AspNetBench.dll [--port N] [--deflate] [--tls FOLDER]
// A receive buffer from the pool, as small as in the documentation, which grows with the messages of its connection and is kept.

using System.Buffers;
using System.Collections.Immutable;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;

int port = int.Parse(Option("--port") ?? "0");
bool deflate = args.Contains("--deflate");

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen =>
{
    if (Option("--tls") is { } folder)
        listen.UseHttps(X509CertificateLoader.LoadPkcs12FromFile(Path.Combine(folder, "server.pfx"), password: null));
}));
WebApplication app = builder.Build();
app.UseWebSockets();

ImmutableArray<WebSocket> subscribers = [];
app.Run(async context =>
{
    var accept = new WebSocketAcceptContext { DangerousEnableCompression = deflate };
    using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync(accept);
    try
    {
        switch (context.Request.Path.Value)
        {
            case "/subscribe":
                ImmutableInterlocked.Update(ref subscribers, static (all, one) => all.Add(one), socket);
                await ReceiveAllAsync(socket, static (_, _) => ValueTask.CompletedTask);
                break;
            case "/publish":
                await ReceiveAllAsync(socket, PublishAsync);
                break;
            default:
                await ReceiveAllAsync(socket, (message, kind) => SendAsync(socket, message, kind));
                break;
        }
    }
    catch (WebSocketException)
    {
        // The client broke off.
    }
    finally
    {
        ImmutableInterlocked.Update(ref subscribers, static (all, one) => all.Remove(one), socket);
    }
});

await app.StartAsync();
Console.WriteLine($"LISTENING {new Uri(app.Urls.Single()).Port}");
await Console.In.ReadToEndAsync(); // no orphan outlives its parent
Environment.Exit(0);

string? Option(string name) => Array.IndexOf(args, name) is >= 0 and int at ? args[at + 1] : null;

// One send at a time is all that this API allows on a socket; there is one publisher.
async ValueTask PublishAsync(ReadOnlyMemory<byte> message, WebSocketMessageType kind)
{
    foreach (WebSocket subscriber in subscribers)
    {
        if (subscriber.State == WebSocketState.Open)
            await SendAsync(subscriber, message, kind);
    }
}

static ValueTask SendAsync(WebSocket socket, ReadOnlyMemory<byte> message, WebSocketMessageType kind) =>
    socket.SendAsync(message, kind, endOfMessage: true, CancellationToken.None);

static async Task ReceiveAllAsync(WebSocket socket, Func<ReadOnlyMemory<byte>, WebSocketMessageType, ValueTask> handle)
{
    byte[] buffer = ArrayPool<byte>.Shared.Rent(4096);
    int length = 0;
    try
    {
        while (true)
        {
            ValueWebSocketReceiveResult part = await socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                WebSocketCloseStatus status = socket.CloseStatus ?? WebSocketCloseStatus.Empty;
                await socket.CloseAsync(status, socket.CloseStatusDescription, CancellationToken.None);
                return;
            }

            length += part.Count;
            if (part.EndOfMessage)
            {
                await handle(buffer.AsMemory(0, length), part.MessageType);
                length = 0;
            }
            else if (length == buffer.Length)
            {
                byte[] larger = ArrayPool<byte>.Shared.Rent(2 * length);
                buffer.CopyTo(larger, 0);
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = larger;
            }
        }
    }
    finally
    {
        ArrayPool<byte>.Shared.Return(buffer);
    }
}
