using System.Text.Json;
using static Sockeye.Interop.Tests.ChatProcess;

namespace Sockeye.Interop.Tests;

/// <summary>The chat sample, with people at it: two pages in a real browser, and a third on a phone.</summary>
public sealed class ChatTests
{
    [Fact]
    public async Task People_talk_in_rooms_and_lose_nothing_when_the_server_restarts()
    {
        await using var chat = new ChatProcess();
        string screenshots = Path.Combine(Repository.Root, "artifacts", "chat");
        await using PeerProcess pages = PeerProcess.Start("node", "chat-page.mjs", chat.Url, screenshots);

        Assert.Equal(["A\nAda", "B\nBen"], Strings(Step(pages, "people"), "here"));

        JsonElement talk = Step(pages, "talk");
        string[] said =
            ["Hello Ben! Have you seen the salmon run? https://example.com/run.", "<b>Yes</b> & it is <i>wonderful</i>", "🐟"];
        Assert.Equal(said, Strings(talk, "ada"));
        Assert.Equal(said, Strings(talk, "ben"));
        Assert.Equal("https://example.com/run", talk.GetProperty("link").GetString());
        Assert.Equal((0, 1, ""), (Number(talk, "bold"), Number(talk, "mine"), talk.GetProperty("typing").GetString()));

        await chat.EndAsync(pages);
        JsonElement away = Step(pages, "away");
        Assert.Equal(2, Number(away, "pending"));
        Assert.NotEqual("connected", away.GetProperty("state").GetString());

        await chat.StartAgainAsync(pages);
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
}
