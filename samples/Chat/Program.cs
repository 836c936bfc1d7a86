// A chat for the browser: rooms, who is there, who is typing, and nothing lost or doubled when the connection breaks.
//   dotnet run -c Release --project samples/Chat -- [port]
using System.Text.Json;
using Chat;
using Sockeye;
using Sockeye.Protocol;

WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.UseUrls($"http://127.0.0.1:{args.ElementAtOrDefault(0) ?? "8080"}");
builder.Services.AddSingleton<Rooms>();
builder.Services.AddSockeye(new WebSocketHostOptions
{
    Accept = new() { PerMessageDeflate = new(), Connection = new() { MaxMessageSize = 8192, MaxBufferedBytes = 1024 * 1024 } },
});

WebApplication app = builder.Build();
app.UseFileServer();
app.MapWebSocket("/room", ChatAsync).AddEndpointFilter(async (call, next) =>
    call.Arguments.OfType<string>().All(text => text.Trim().Length is > 0 and <= 40)
        ? await next(call)
        : TypedResults.BadRequest("Rooms, ids and names have 1 to 40 letters."));
await app.StartAsync();
Console.WriteLine($"Chat at {app.Urls.Single()}");
await app.WaitForShutdownAsync();

static async Task ChatAsync(
    string room, string id, string name, long since, WebSocketConnection socket, Rooms rooms, CancellationToken cancel)
{
    var member = new Member(id, name.Trim(), socket);
    Room joined = rooms.Enter(room, member, since);
    try
    {
        await foreach (FromPage? said in socket.ReadAllJsonAsync(Json.Default.FromPage, cancel))
        {
            if (said?.Text?.Trim() is { Length: > 0 } text)
                joined.Say(member, text, said.Key);
            else
                joined.Type(member);
        }
    }
    catch (JsonException)
    {
        await socket.CloseAsync(CloseCode.InvalidPayload, "This is not what a page sends.", cancel);
    }
    finally
    {
        rooms.Leave(joined, member);
    }
}
