// Only who has logged in, as the session's cookie tells, may open a WebSocket, and loses it by logging out.
//   dotnet run --project samples/Sessions -- [port]
using System.Collections.Concurrent;
using Sockeye;
using Sockeye.Protocol;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.UseUrls($"http://127.0.0.1:{args.ElementAtOrDefault(0) ?? "8080"}");
builder.Services.AddDistributedMemoryCache();
builder.Services.AddSession(session => session.Cookie.SameSite = SameSiteMode.Strict);

WebApplication app = builder.Build();
app.UseSession();
app.UseFileServer();

ConcurrentDictionary<WebSocketConnection, string> users = []; // a user may have several connections

app.MapPost("/login", (HttpContext context) =>
{
    string user = $"user {Guid.NewGuid().ToString()[..8]}";
    context.Session.SetString("user", user);
    return user;
});

app.MapDelete("/logout", (HttpContext context) =>
{
    string? user = context.Session.GetString("user");
    context.Session.Clear();
    foreach ((WebSocketConnection socket, string one) in users)
    {
        if (one == user)
            _ = socket.CloseAsync(CloseCode.Unauthorized, "Logged out");
    }

    return Results.NoContent();
});

app.MapWebSocket("/socket", async (HttpContext context, WebSocketConnection socket, CancellationToken cancel) =>
{
    string user = context.Session.GetString("user")!;
    users[socket] = user;
    try
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            await socket.SendTextAsync($"{user} said: {message.GetText()}", cancel);
    }
    finally
    {
        users.TryRemove(socket, out _);
    }
}).AddEndpointFilter(async (call, next) =>
    call.HttpContext.Session.GetString("user") is null ? TypedResults.Unauthorized() : await next(call));

await app.StartAsync();
Console.WriteLine($"Sessions at {app.Urls.Single()}");
await app.WaitForShutdownAsync();
