// An echo server, and a client that talks to it.
//   dotnet run --project samples/Echo -- server [port]
//   dotnet run --project samples/Echo -- client [url]
string role = args.ElementAtOrDefault(0) ?? "server";
string? where = args.ElementAtOrDefault(1);

if (role == "server")
{
    await using var server = new WebSocketServer(new() { Port = int.Parse(where ?? "8080") });
    server.Map("/", async (socket, cancel) =>
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            await socket.SendAsync(message, cancel);
    });
    await server.StartAsync();
    Console.WriteLine($"Listening on ws://{server.EndPoints[0]}");
    await server.RunAsync();
}
else
{
    await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(where ?? "ws://127.0.0.1:8080");
    await socket.SendTextAsync("hello");
    WebSocketMessage answer = await socket.ReceiveAsync();
    Console.WriteLine($"Received: {answer.GetText()}");
    Console.WriteLine(await socket.PingAsync() > TimeSpan.Zero ? "The peer answers pings." : "Faster than the clock.");
    CloseResult end = await socket.CloseAsync(CloseCode.Normal, "done");
    Console.WriteLine($"Closed: {(int)end.Code} {end.Reason}");
}
