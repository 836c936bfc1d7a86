// An echo in ASP.NET Core without reflection: dotnet publish samples/NativeEcho -p:PublishAot=true makes a native program of it.
//   dotnet run --project samples/NativeEcho -- [port]
using Sockeye;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.UseUrls($"http://127.0.0.1:{args.ElementAtOrDefault(0) ?? "8080"}").TuneForWebSockets();

WebApplication app = builder.Build();
app.MapWebSocket("/", async (socket, cancel) =>
{
    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
        await socket.SendAsync(message, cancel);
});
await app.StartAsync();
Console.WriteLine($"Listening on {app.Urls.Single().Replace("http", "ws", StringComparison.Ordinal)}");
await app.WaitForShutdownAsync();
