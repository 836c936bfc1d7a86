// Sockeye in ASP.NET Core, by its public API and with everything as it is by default:
//   dotnet SockeyeAspNetBench.dll [--port N] [--deflate] [--tls FOLDER] [--tuned] [--event-loops]
// Tuned is Kestrel as docs/aspnetcore.md tunes it, with blocks of 64 KiB and inline scheduling; or it runs on our event loops.

using System.Net;
using System.Security.Cryptography.X509Certificates;
using Sockeye;

int port = int.Parse(Option("--port") ?? "0");
var options = new WebSocketAcceptOptions { PerMessageDeflate = args.Contains("--deflate") ? PerMessageDeflateOptions.Default : null };

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
if (args.Contains("--tuned"))
    builder.WebHost.TuneForWebSockets(inlineScheduling: true);
if (args.Contains("--event-loops"))
    builder.WebHost.UseEventLoops();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen =>
{
    if (Option("--tls") is { } folder)
        listen.UseHttps(X509CertificateLoader.LoadPkcs12FromFile(Path.Combine(folder, "server.pfx"), password: null));
}));
WebApplication app = builder.Build();

using var topics = new TopicHub();
// The shape of its peer in peers/aspnet, which routes nothing: what is compared is WebSockets.
app.Run(async context =>
{
    await using WebSocketConnection? socket = await context.UpgradeWebSocketAsync(options);
    switch (socket, context.Request.Path.Value)
    {
        case (null, _):
            break; // refused, and answered
        case (_, "/subscribe"):
            topics.Subscribe(socket, "all");
            socket.IgnoreMessages();
            await socket.Closed;
            break;
        case (_, "/publish"):
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
                await topics.PublishAsync("all", message);
            break;
        default:
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
                await socket.SendAsync(message);
            break;
    }
});

await app.StartAsync();
Console.WriteLine($"LISTENING {new Uri(app.Urls.Single()).Port}");
await Console.In.ReadToEndAsync(); // no orphan outlives its parent
Environment.Exit(0);

string? Option(string name) => Array.IndexOf(args, name) is >= 0 and int at ? args[at + 1] : null;
