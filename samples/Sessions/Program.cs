// Only who has logged in, as the session's cookie tells, may open a WebSocket, and loses it by logging out.
//   dotnet run --project samples/Sessions -- [port]
using System.Collections.Concurrent;
using Sockeye;
using Sockeye.Protocol;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.UseUrls($"http://127.0.0.1:{args.ElementAtOrDefault(0) ?? "8080"}");
builder.Services.AddDistributedMemoryCache();
builder.Services.AddSockeye();
builder.Services.AddSession(session => session.Cookie.SameSite = SameSiteMode.Strict);

WebApplication app = builder.Build();
var users = new ConcurrentDictionary<string, bool>(); // who is logged in
app.UseSession();
app.UseFileServer();

app.MapPost("/login", (HttpContext context) =>
{
    string user = $"user {Guid.NewGuid().ToString()[..8]}";
    context.Session.SetString("user", user);
    users[user] = true;
    return user;
});

app.MapDelete("/logout", (HttpContext context, WebSocketHost host) =>
{
    string user = context.Session.GetString("user") ?? "";
    context.Session.Clear();
    users.TryRemove(user, out _);
    foreach (WebSocketConnection socket in host.Connections.Where(socket => user.Equals(socket.UserData)))
        _ = socket.CloseAsync(CloseCode.Unauthorized, "Logged out");
    return Results.NoContent();
});

app.MapGet("/online", (WebSocketHost host) => host.Connections.Count);

app.MapWebSocket("/socket", async (HttpContext context, WebSocketConnection socket, CancellationToken cancel) =>
{
    string user = context.Session.GetString("user")!;
    socket.UserData = user; // by which logging out finds it
    if (!users.ContainsKey(user))
    {
        // Logged out while this one was being opened, and not found then.
        await socket.CloseAsync(CloseCode.Unauthorized, "Logged out", cancel);
        return;
    }

    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
        await socket.SendTextAsync($"{user} said: {message.GetText()}", cancel);
}).AddEndpointFilter(async (call, next) =>
    call.HttpContext.Session.GetString("user") is null ? TypedResults.Unauthorized() : await next(call));

await app.StartAsync();
Console.WriteLine($"Sessions at {app.Urls.Single()}");
await app.WaitForShutdownAsync();
