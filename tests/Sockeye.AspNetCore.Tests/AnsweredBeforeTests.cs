using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Sockeye.AspNetCore.Tests;

/// <summary>A request that has been upgraded or answered is not upgraded again: whoever tries is told why, and what was first goes
/// on.</summary>
public sealed class AnsweredBeforeTests
{
    public static TheoryData<Road> Roads => [.. Enum.GetValues<Road>()];

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Second_upgrade_throws_and_the_first_goes_on(Road road)
    {
        Exception? second = null;
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (context, socket, cancel) =>
            {
                second = await Record.ExceptionAsync(() => context.UpgradeWebSocketAsync(cancellationToken: cancel));
                await WebHost.EchoAsync(socket, cancel);
            }),
            road: road);
        using ClientWebSocket client = await host.ConnectAsync("/");
        await client.SendTextAsync("still");
        Assert.Equal("still", await client.ReceiveTextAsync());
        AssertTold(second);
        await client.CloseAsync();
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Upgrade_after_that_of_the_framework_throws_and_that_goes_on(Road road)
    {
        Exception? second = null;
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.UseWebSockets();
                app.Run(async context =>
                {
                    using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
                    second = await Record.ExceptionAsync(() => UpgradeAsync(context));
                    await socket.SendAsync("still"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, default);
                    await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", default);
                });
            },
            road: road);
        using ClientWebSocket client = await host.ConnectAsync("/");
        Assert.Equal("still", await client.ReceiveTextAsync());
        AssertTold(second);
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Upgrade_after_an_answer_throws(Road road)
    {
        var second = new TaskCompletionSource<Exception?>();
        await using WebHost host = await WebHost.StartAsync(
            app => app.Run(async context =>
            {
                context.Response.StatusCode = 404;
                await context.Response.WriteAsync("no upgrade here");
                second.SetResult(await Record.ExceptionAsync(() => UpgradeAsync(context)));
            }),
            road: road);
        await Record.ExceptionAsync(() => host.ConnectAsync("/"));
        AssertTold(await second.Task.WaitAsync(WebHost.Patience));
    }

    private static Task UpgradeAsync(HttpContext context) => context.UpgradeWebSocketAsync();

    private static void AssertTold(Exception? exception) => Assert.StartsWith(
        "This request has been upgraded or answered before",
        Assert.IsType<InvalidOperationException>(exception).Message,
        StringComparison.Ordinal);
}
