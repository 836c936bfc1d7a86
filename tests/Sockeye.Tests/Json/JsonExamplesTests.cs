using System.Text.Json;
using System.Text.Json.Serialization;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Json;

/// <summary>The examples of docs/json.md: each stands here between two marks, and is run.</summary>
public sealed partial class JsonExamplesTests
{
    // <example>
    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(Question))]
    [JsonSerializable(typeof(Answer))]
    internal sealed partial class QuizJson : JsonSerializerContext;

    internal sealed record Question(string Text, IReadOnlyList<string> Choices);

    internal sealed record Answer(int Choice);
    // </example>

    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("json.md", Path.Combine("Json", nameof(JsonExamplesTests) + ".cs"), count: 3);

    [Fact]
    public async Task Values()
    {
        await using var test = new ServerTest();
        var Console = new StringWriter();
        test.Server.Map("/", async (socket, cancel) =>
        {
            // <example>
            await socket.SendJsonAsync(new Question("6 × 7?", ["41", "42"]), QuizJson.Default.Question, cancel);
            await foreach (Answer? answer in socket.ReadAllJsonAsync(QuizJson.Default.Answer, cancel))
                Console.WriteLine(answer?.Choice);
            // </example>
        });
        await test.Server.StartAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(test.Uri).Soon();
        Question question = (await client.ReceiveAsync().Soon()).GetJson(QuizJson.Default.Question)!;
        Assert.Equal(("6 × 7?", 2), (question.Text, question.Choices.Count));
        await client.SendJsonAsync(new Answer(1), QuizJson.Default.Answer);
        await client.SendTextAsync("""{"choice":0}""");
        Assert.True((await client.CloseAsync().Soon()).IsClean);
        Assert.Equal(["1", "0"], Console.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Wrong_ones()
    {
        await using var test = new ServerTest();
        test.Server.Map("/", async (socket, cancel) =>
        {
            // <example>
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                try
                {
                    Answer? answer = message.GetJson(QuizJson.Default.Answer);
                    await socket.SendTextAsync(answer is { Choice: 1 } ? "right" : "wrong", cancel);
                }
                catch (JsonException)
                {
                    await socket.CloseAsync(CloseCode.InvalidPayload, "Send an answer.", cancel);
                }
            }
            // </example>
        });
        await test.Server.StartAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(test.Uri).Soon();
        foreach ((string sent, string reply) in ((string, string)[])[("""{"choice":1}""", "right"), ("null", "wrong")])
        {
            await client.SendTextAsync(sent);
            Assert.Equal(reply, (await client.ReceiveAsync().Soon()).GetText());
        }

        await client.SendTextAsync("42!");
        CloseResult result = await client.Closed.Soon();
        Assert.Equal((CloseCode.InvalidPayload, "Send an answer."), (result.Code, result.Reason));
    }
}
