// Statistics of a server, drawn live in a page: messages and bytes a second, connections, memory, processor time.
//   dotnet run -c Release --project samples/Statistics -- [port]
// Open the page that it names and pull its slider, or load the server harder:
//   dotnet run -c Release --project src/Sockeye.Cli -- bench ws://127.0.0.1:8080/echo
using System.Text.Json;
using Sockeye;
using Statistics;

string page = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "index.html"));

await using var server = new WebSocketServer(new() { Port = int.Parse(args.ElementAtOrDefault(0) ?? "8080") });
server.MapGet("/", _ => new HttpAnswer(page) { Headers = new() { { "Content-Type", "text/html; charset=utf-8" } } });
server.Map("/echo", new WebSocketHandler { Message = static (socket, message) => socket.SendAsync(message) });
server.Map("/statistics", new WebSocketHandler { Message = static (_, _) => default }); // what comes is ignored
await server.StartAsync();
Console.WriteLine($"Statistics at http://{server.EndPoints[0]}");

// A page that reads too slowly misses a sample: nobody waits for it.
using var sampler = new Sampler();
using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
while (await second.WaitForNextTickAsync())
{
    byte[] json = JsonSerializer.SerializeToUtf8Bytes(sampler.Take(), Json.Default.Sample);
    server.Broadcast(new PreparedMessage(json, WebSocketMessageKind.Text), path: "/statistics");
}
