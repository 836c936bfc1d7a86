using System.Text.Json;
using Sockeye.Protocol;
using static Sockeye.Interop.Tests.ChatProcess;

namespace Sockeye.Interop.Tests;

/// <summary>What may go wrong at the chat sample: people with the same name, other names, rooms left too early, what the server
/// refuses.</summary>
public sealed class ChatTroubleTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Pages_know_who_is_who_and_get_over_what_fails()
    {
        await using var chat = new ChatProcess();
        await using PeerProcess pages = PeerProcess.Start(
            "node", "chat-trouble.mjs", chat.Url, Path.Combine(Repository.Root, "artifacts", "chat"));

        JsonElement people = Step(pages, "people");
        Assert.Contains("Say hello!", people.GetProperty("hint").GetString(), StringComparison.Ordinal);
        Assert.Equal(["Ada", "Ada", "Ben"], Strings(people, "here"));
        Assert.Equal(["You", "Ada", "Ben"], Strings(people, "ada"));
        Assert.Equal(["Ada", "You", "Ben"], Strings(people, "other"));
        Assert.Equal(["Ada", "Ada", "You"], Strings(people, "ben"));
        JsonElement reload = Step(pages, "reload");
        Assert.Equal("Ada", reload.GetProperty("name").GetString());
        Assert.Equal(["You", "Ada", "Ben"], Strings(reload, "ada"));

        JsonElement rename = Step(pages, "rename");
        Assert.Equal(["Ada", "Ada", "Bob"], Strings(rename, "here"));
        Assert.Equal(("Bob", "Bob", "You"), (Text(rename, "name"), Text(rename, "ada"), Text(rename, "ben")));
        Assert.Equal(0, Number(rename, "left"));

        await chat.EndAsync(pages);
        JsonElement away = Step(pages, "away");
        Assert.Equal(["for the river"], Strings(away, "river"));
        Assert.StartsWith("lobby", Assert.Single(Strings(away, "marked")), StringComparison.Ordinal);
        await chat.StartAgainAsync(pages);
        JsonElement back = Step(pages, "back");
        Assert.Equal(["for the lobby"], Strings(back, "lobby"));
        Assert.Equal((0, 0), (Number(back, "pending"), Number(back, "marked")));

        JsonElement refused = Step(pages, "refused");
        Assert.Equal((1, 0), (Number(refused, "refused"), Number(refused, "pending")));
        string[] rooms = ["100%", "..", "////////////////////", new string('a', 39) + '\uFFFD'];
        Assert.Equal(rooms, Strings(Step(pages, "rooms"), "rooms"));
        Assert.Empty(Strings(Step(pages, "end"), "problems"));
        Assert.Equal(0, await pages.WaitForExitAsync());
    }

    [Fact]
    public async Task Every_message_without_a_key_is_heard_and_one_with_a_key_once()
    {
        await using var chat = new ChatProcess();
        await using WebSocketConnection socket = await EnterAsync(chat, "Nora");
        const string Three = """{"text":"three","key":"k"}""";
        foreach (string message in new[] { """{"text":"one"}""", """{"text":"two"}""", Three, Three, """{"text":"four"}""" })
            await socket.SendTextAsync(message);
        foreach (string text in new[] { "one", "two", "three", "four" })
            Assert.Equal(text, Text(await ReceiveAsync(socket), "text"));
    }

    [Fact]
    public async Task Who_comes_again_under_another_name_has_not_left()
    {
        await using var chat = new ChatProcess();
        await using WebSocketConnection ada = await EnterAsync(chat, "Ada");
        await using WebSocketConnection ben = await EnterAsync(chat, "Ben");
        Assert.Equal("Ben", Text(await ReceiveAsync(ada), "name"));
        await using WebSocketConnection bob = await EnterAsync(chat, "Bob", id: "Ben");
        JsonElement told = await ReceiveAsync(ada);
        Assert.Equal(("people", "Bob", "Ben"), (Text(told, "type"), Text(told, "name"), Text(told, "was")));
        Assert.Equal(["Ada", "Bob"], Strings(told, "people"));
        Assert.Equal((CloseCode)4000, (await ben.Closed.WaitAsync(Patience)).ReceivedCode);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("[]")]
    [InlineData("""{"text":1}""")]
    [InlineData("""{"text":"\ud83d"}""")]
    public async Task What_no_page_sends_is_answered_with_1007_and_not_logged(string message)
    {
        await using var chat = new ChatProcess();
        await using WebSocketConnection socket = await EnterAsync(chat, "Mallory");
        await socket.SendTextAsync(message);
        Assert.True((await socket.ReceiveAsync()).IsEnd);
        Assert.Equal(CloseCode.InvalidPayload, (await socket.Closed.WaitAsync(Patience)).ReceivedCode);
        await chat.StopAsync();
        Assert.Equal($"Chat at {chat.Url}\n", chat.Output);
    }

    private static string? Text(JsonElement step, string name) => step.GetProperty(name).GetString();

    /// <summary>Comes into the lobby, and reads the welcome.</summary>
    private static async Task<WebSocketConnection> EnterAsync(ChatProcess chat, string name, string? id = null)
    {
        WebSocketConnection socket = await WebSocketClient.ConnectAsync(
            $"ws://{new Uri(chat.Url).Authority}/room?room=lobby&id={id ?? name}&name={name}&since=0");
        Assert.Equal("welcome", Text(await ReceiveAsync(socket), "type"));
        return socket;
    }

    private static async Task<JsonElement> ReceiveAsync(WebSocketConnection socket)
    {
        using var message = JsonDocument.Parse((await socket.ReceiveAsync().AsTask().WaitAsync(Patience)).GetText());
        return message.RootElement.Clone();
    }
}
