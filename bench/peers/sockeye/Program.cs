// Sockeye's own server, by its public API and with everything as it is by default:
//   dotnet SockeyeBench.dll [--port N] [--deflate] [--tls FOLDER] [--loops N] [--transport loop|socket] [--form async|callback]
// The form is that of the echo. The socket transport is chosen by the environment, as anybody would.

using Sockeye;

if (Option("--transport", "loop") == "socket")
    Environment.SetEnvironmentVariable("SOCKEYE_EVENT_LOOP", "0");
bool deflate = args.Contains("--deflate");
var options = new WebSocketAcceptOptions { PerMessageDeflate = deflate ? PerMessageDeflateOptions.Default : null };

string certificates = Option("--tls", "");
int loops = int.Parse(Option("--loops", "0"));
await using var server = new WebSocketServer(new()
{
    Port = int.Parse(Option("--port", "0")),
    EventLoop = EventLoopOptions.Default is { } loop ? loop with { Loops = loops } : null,
    Tls = certificates.Length > 0 ? ServerCertificate.FromFile(Path.Combine(certificates, "server.pfx")) : null,
});
if (Option("--form", "async") == "callback")
    server.Map("/", new WebSocketHandler { Message = static (socket, message) => socket.SendAsync(message) }, options);
else
    server.Map("/", EchoAsync, options);
server.Map("/subscribe", SubscribeAsync, options);
server.Map("/publish", PublishAsync, options);
await server.StartAsync();
Console.WriteLine($"LISTENING {((System.Net.IPEndPoint)server.EndPoints[0]).Port}");
await Console.In.ReadToEndAsync(); // no orphan outlives its parent
Environment.Exit(0);

static async Task EchoAsync(WebSocketConnection socket, CancellationToken cancel)
{
    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
        await socket.SendAsync(message, cancel);
}

static async Task SubscribeAsync(WebSocketConnection socket, CancellationToken cancel)
{
    socket.IgnoreMessages();
    await socket.Closed;
}

async Task PublishAsync(WebSocketConnection socket, CancellationToken cancel)
{
    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
        server.Broadcast(new PreparedMessage(message.Span, message.Kind), path: "/subscribe");
}

string Option(string name, string absent) => Array.IndexOf(args, name) is >= 0 and int at ? args[at + 1] : absent;
