using Sockeye;
using Sockeye.Protocol;

await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(args is [var url] ? url : "ws://127.0.0.1:8080");
await socket.SendTextAsync("hello");
WebSocketMessage answer = await socket.ReceiveAsync();
Console.WriteLine($"Received: {answer.GetText()}");
Console.WriteLine($"Round trip: {(await socket.PingAsync()).TotalMilliseconds} ms");
CloseResult end = await socket.CloseAsync(CloseCode.Normal, "done");
Console.WriteLine($"Closed: {(int)end.Code} {end.Reason}");
