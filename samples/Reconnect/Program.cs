// A client that connects again: what is typed leaves when there is a connection, and what became of it is told.
//   dotnet run --project samples/Reconnect -- [ws://127.0.0.1:8080]
using Sockeye;

await using var socket = new ReconnectingWebSocket(args is [var url] ? url : "ws://127.0.0.1:8080");
socket.StateChanged += (_, e) => Console.WriteLine(e.State == ReconnectState.Waiting
    ? $"state: Waiting {e.Delay.TotalMilliseconds:0} ms ({e.Failure!.Exception.Message})"
    : $"state: {e.State}");
Task reading = PrintAsync(socket);
socket.Start();
while (await Console.In.ReadLineAsync() is { } line)
    _ = TellAsync(await socket.SendTextAsync(line), line);
await socket.CloseAsync();
await reading;

static async Task PrintAsync(ReconnectingWebSocket socket)
{
    await foreach (WebSocketMessage message in socket.ReadAllAsync())
        Console.WriteLine($"received: {message.GetText()}");
}

static async Task TellAsync(OutboxMessage message, string line) => Console.WriteLine($"{await message.Settled}: {line}");
