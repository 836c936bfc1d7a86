// Several end points on one port, and three ways for a client to show the token that it was given.
//   dotnet run --project samples/Gateway -- [port] [token]
//   curl http://127.0.0.1:8080/healthz
//   dotnet run --project src/Sockeye.Cli -- connect ws://127.0.0.1:8080/echo -H 'Authorization: Bearer TOKEN'
//   dotnet run --project src/Sockeye.Cli -- connect 'ws://127.0.0.1:8080/time?token=TOKEN'
//   dotnet run --project src/Sockeye.Cli -- connect ws://127.0.0.1:8080/feed -H 'Cookie: token=TOKEN'
// What is typed here goes to everybody. The end of the input stops the server.
using System.Security.Cryptography;
using Sockeye;
using Sockeye.Protocol;

string token = args.ElementAtOrDefault(1) ?? RandomNumberGenerator.GetHexString(32);
await using var server = new WebSocketServer(new() { Port = int.Parse(args.ElementAtOrDefault(0) ?? "8080") });

server.MapGet("/healthz", _ => new HttpAnswer($"{server.Connections.Count} connections\n"));

// A page logs in once; from then on its browser sends the cookie by itself. It would for a page of another site, which Origin gives away: 403.
server.MapGet("/login", request => Refuse(request.GetQueryValue("token")) is { } refusal
    ? new HttpAnswer(refusal.Body, refusal.StatusCode) { Headers = refusal.Headers }
    : new HttpAnswer("Welcome.\n") { Headers = new() { { "Set-Cookie", $"token={token}; HttpOnly; SameSite=Strict" } } });

// By header, as programs do.
server.Map("/echo", new WebSocketHandler { Message = (socket, message) => socket.SendAsync(message) }, Ask(request =>
    request.Headers["Authorization"]?.Split(' ') is ["Bearer", var presented] ? presented : null));

// In the query, since a page can set no headers. URLs get into logs: prefer tokens that are good for one connection.
server.Map("/time", TellTimeAsync, Ask(request => request.GetQueryValue("token")));

// By cookie. What one says here goes to all who are here.
server.Map("/feed", PassOnAsync, Ask(request => request.GetCookie("token")));

await server.StartAsync();
Console.WriteLine($"Listening on ws://{server.EndPoints[0]}");
Console.WriteLine($"Token: {token}");
while (await Console.In.ReadLineAsync() is { } line)
    Console.WriteLine($"Told {server.Broadcast(new PreparedMessage(line)).Accepted}");
await server.StopAsync();

WebSocketAcceptOptions Ask(Func<UpgradeRequest, string?> find) => new() { Authorize = request => new(Refuse(find(request))) };
HandshakeRefusal? Refuse(string? presented) =>
    presented is null ? new(401, new() { { "WWW-Authenticate", "Bearer" } }, "Show your token.\n")
    : Credentials.Equal(presented, token) ? null // in a time that tells nothing about the token
    : new(403, body: "This is not the token.\n");

async Task PassOnAsync(WebSocketConnection socket, CancellationToken cancel)
{
    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
        server.Broadcast(new PreparedMessage(message.Span, message.Kind), path: "/feed");
}

static async Task TellTimeAsync(WebSocketConnection socket, CancellationToken cancel)
{
    socket.IgnoreMessages();
    using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
    do
        await socket.SendTextAsync($"{DateTime.UtcNow:O}", cancel);
    while (await second.WaitForNextTickAsync(cancel));
}
