// Every event of a connection, in order: a server that prints what its clients do.
//   dotnet run --project samples/Events -- [port]
using Sockeye;

await using var server = new WebSocketServer(new() { Port = int.Parse(args.ElementAtOrDefault(0) ?? "8080"), AllowedOrigins = ["*"] });
server.Map("/*", PrintAsync);
await server.StartAsync();
Console.WriteLine($"Listening on ws://{server.EndPoints[0]}");
await server.RunAsync();

static async Task PrintAsync(WebSocketConnection socket, CancellationToken cancel)
{
    await foreach (WebSocketEvent e in socket.ReadEventsAsync(cancel))
    {
        switch (e.Kind)
        {
            case WebSocketEventKind.Text:
                Console.WriteLine($"text: {e.Text}");
                await socket.SendAsync(e.Message, cancel);
                break;
            case WebSocketEventKind.Binary:
                Console.WriteLine($"binary: {e.Data.Length} bytes");
                await socket.SendAsync(e.Message, cancel);
                break;
            case WebSocketEventKind.Ping:
                Console.WriteLine($"ping: {e.Text}"); // answered already
                break;
            case WebSocketEventKind.Pong:
                Console.WriteLine($"pong: {e.Text}");
                break;
            case WebSocketEventKind.Close:
                Console.WriteLine($"close: {(int)e.CloseCode} {e.CloseReason} ({e.Close.Cause})");
                break;
        }
    }
}
