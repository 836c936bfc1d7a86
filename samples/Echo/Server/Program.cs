using Sockeye;

await using var server = new WebSocketServer(new() { Port = args is [var port] ? int.Parse(port) : 8080 });
server.Map("/", async (socket, cancel) =>
{
    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
        await socket.SendAsync(message, cancel);
});
await server.StartAsync();
Console.WriteLine($"Listening on ws://{server.EndPoints[0]}");
await server.RunAsync();
