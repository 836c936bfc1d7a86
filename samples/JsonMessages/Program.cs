// JSON in messages, by code that the compiler generates: read from where it has arrived, and no string in between.
//   dotnet run --project samples/JsonMessages -- [port]
//   dotnet run --project src/Sockeye.Cli -- connect ws://127.0.0.1:8080
//   {"type":"greet","name":"Sockeye"}
//   {"type":"sort","words":["trout","salmon"]}
using System.Text.Json;
using JsonMessages;
using Sockeye;
using Sockeye.Protocol;

await using var server = new WebSocketServer(new() { Port = int.Parse(args.ElementAtOrDefault(0) ?? "8080") });
server.Map("/", AnswerAsync);
await server.StartAsync();
Console.WriteLine($"Listening on ws://{server.EndPoints[0]}");
await server.RunAsync();

static async Task AnswerAsync(WebSocketConnection socket, CancellationToken cancel)
{
    try
    {
        await foreach (Question? question in socket.ReadAllJsonAsync(Json.Default.Question, cancel))
        {
            Answer answer = question switch
            {
                Greet { Name: { } name } => new(Text: $"Hello {name}!"),
                Sort { Words: { } words } => new(Words: [.. words.Order(StringComparer.Ordinal)]),
                _ => new(Problem: "Ask to greet a name, or to sort words."),
            };
            await socket.SendJsonAsync(answer, Json.Default.Answer, cancel);
        }
    }
    catch (JsonException)
    {
        await socket.CloseAsync(CloseCode.InvalidPayload, "This is not the JSON that was expected.", cancel);
    }
}
