using System.Text.Json;

namespace Sockeye.Interop.Tests;

/// <summary>The chat sample, with people at it: two pages in a real browser, and a third on a phone.</summary>
public sealed class ChatTests
{
    [Fact]
    public async Task People_talk_in_rooms_and_lose_nothing_when_the_server_restarts()
    {
        PeerProcess server = Start("0");
        try
        {
            string url = server.WaitForLine("Chat at ");
            string screenshots = Path.Combine(Repository.Root, "artifacts", "chat");
            await using PeerProcess pages = PeerProcess.Start("node", "chat-page.mjs", url, screenshots);

            Assert.Equal(["A\nAda", "B\nBen"], Strings(Step(pages, "people"), "here"));

            JsonElement talk = Step(pages, "talk");
            string[] said = ["Hello Ben! Have you seen the salmon run? https://example.com/run.", "<b>Yes</b> & it is <i>wonderful</i>", "🐟"];
            Assert.Equal(said, Strings(talk, "ada"));
            Assert.Equal(said, Strings(talk, "ben"));
            Assert.Equal("https://example.com/run", talk.GetProperty("link").GetString());
            Assert.Equal((0, 1, ""), (Number(talk, "bold"), Number(talk, "mine"), talk.GetProperty("typing").GetString()));

            pages.WaitForLine("END THE SERVER");
            server.Kill();
            await server.WaitForExitAsync();
            await pages.Input.WriteLineAsync();
            JsonElement away = Step(pages, "away");
            Assert.Equal(2, Number(away, "pending"));
            Assert.NotEqual("connected", away.GetProperty("state").GetString());

            pages.WaitForLine("START THE SERVER");
            await server.DisposeAsync();
            server = Start(new Uri(url).Port.ToString());
            Assert.Equal(url, server.WaitForLine("Chat at "));
            await pages.Input.WriteLineAsync();
            JsonElement back = Step(pages, "back");
            string[] last = ["Are you still there?", "I shall wait.", "I am. It came back by itself!"];
            Assert.Equal(last, Strings(back, "ada"));
            Assert.Equal(last, Strings(back, "ben"));
            Assert.Equal(0, Number(back, "pending"));

            JsonElement rooms = Step(pages, "rooms");
            Assert.Equal(["Nobody here yet"], Strings(rooms, "ben"));
            Assert.Equal(last, Strings(rooms, "cleo"));
            Assert.Equal(2, Number(rooms, "ada"));
            Assert.True(rooms.GetProperty("fitsPhone").GetBoolean());

            Assert.Equal(2, Number(Step(pages, "twice"), "here"));
            Assert.Empty(Strings(Step(pages, "end"), "problems"));
            Assert.Equal(0, await pages.WaitForExitAsync());
            Assert.Equal(4, Directory.GetFiles(screenshots, "chat-*.png").Length);
        }
        finally
        {
            if (!server.HasExited)
                server.Kill();
            await server.DisposeAsync();
        }
    }

    private static PeerProcess Start(string port) => PeerProcess.Start("dotnet", Repository.Program("Chat"), port);

    private static JsonElement Step(PeerProcess pages, string name)
    {
        using var line = JsonDocument.Parse('{' + pages.WaitForLine($$"""{"step":"{{name}}",""")); // without its name
        return line.RootElement.Clone();
    }

    private static string[] Strings(JsonElement step, string name) =>
        [.. step.GetProperty(name).EnumerateArray().Select(one => one.GetString()!.Trim())];

    private static int Number(JsonElement step, string name) => step.GetProperty(name).GetInt32();
}
