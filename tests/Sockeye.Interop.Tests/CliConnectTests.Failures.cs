using System.Text.Json;

namespace Sockeye.Interop.Tests;

/// <content>What it says of what went wrong.</content>
public sealed partial class CliConnectTests
{
    [Theory]
    [InlineData]
    [InlineData("--json")]
    public async Task Connect_with_reconnect_tells_of_lines_that_were_lost_with_a_connection(params string[] options)
    {
        await using var server = new WebSocketServer(new() { Port = 0 });
        await server.StartAsync();
        var lost = new TaskCompletionSource();
        _ = Task.Run(async () =>
        {
            int connections = 0;
            await foreach (UpgradeRequest request in server.UpgradeRequestsAsync())
            {
                bool isFirst = connections++ == 0;
                WebSocketConnection socket = await request.AcceptAsync(new() { Connection = new() { AutoPong = !isFirst } });
                if (!isFirst)
                {
                    lost.SetResult();
                    await ServeUntilClosedAsync(socket, CancellationToken.None);
                    continue;
                }

                await socket.ReceiveAsync();
                await socket.ReceiveAsync();
                socket.Abort();
            }
        });
        await using PeerProcess connect = PeerProcess.StartTool(["connect", UriOf(server), "--reconnect", .. options]);
        await connect.Input.WriteLineAsync("one");
        await connect.Input.WriteLineAsync("two");
        await lost.Task.WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken);
        connect.Input.Close();

        Assert.Equal(1, await connect.WaitForExitAsync());
        Assert.Contains(
            options is [] ? "2 lines may not have arrived." : "{\"type\":\"error\",\"message\":\"2 lines may not have arrived.\"}", Lines(connect));
    }

    // The server goes away in all form, with a line that it has not read.
    [Fact]
    public async Task Connect_fails_where_a_line_may_have_been_lost_also_by_a_clean_close()
    {
        await using WebSocketServer server = await StartAsync(
            async (socket, cancel) =>
            {
                await socket.ReceiveAsync(cancel);
                await socket.CloseAsync(Sockeye.Protocol.CloseCode.GoingAway, "", cancel);
            },
            new() { Connection = new() { AutoPong = false } });
        await using PeerProcess connect = PeerProcess.StartTool("connect", UriOf(server), "--json");
        await connect.Input.WriteLineAsync("one");

        Assert.Equal(1, await connect.WaitForExitAsync());
        Assert.Equal(
            ["{\"type\":\"open\"}", "{\"type\":\"close\",\"code\":1001,\"reason\":\"\",\"clean\":true}", "{\"type\":\"error\",\"message\":\"1 line may not have arrived.\"}"],
            Lines(connect));
    }

    [Theory]
    [InlineData("--proxy", "nonsense")]
    [InlineData("--binary", "/missing")]
    [InlineData("--ping", "0", "--ping is a number of seconds, from 0.001 to a day.")]
    [InlineData("--wait", "soon")]
    public async Task Connect_with_json_refuses_its_arguments_as_a_line_too(string option, string value, string? message = null)
    {
        await using PeerProcess connect = PeerProcess.StartTool("connect", "ws://127.0.0.1:1/", "--json", option, value);
        Assert.Equal(1, await connect.WaitForExitAsync());
        JsonElement error = JsonDocument.Parse(Assert.Single(Lines(connect))).RootElement;
        Assert.Equal("error", error.GetProperty("type").GetString());
        Assert.Contains(message ?? value, error.GetProperty("message").GetString()!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_refuses_credentials_given_twice()
    {
        await using PeerProcess connect = PeerProcess.StartTool(
            "connect", "ws://127.0.0.1:1/", "--user", "a:b", "-H", "authorization: Bearer c");
        Assert.Equal(1, await connect.WaitForExitAsync());
        Assert.Equal(["--user and a header Authorization are both given: one of them says who you are."], Lines(connect));
    }

    [Fact]
    public async Task Connect_with_verbose_shows_each_request_before_its_answer_and_what_a_refusal_says()
    {
        await using WebSocketServer server = await StartRefusingAsync();
        await using PeerProcess connect = PeerProcess.StartTool("connect", UriOf(server), "-v", "--location");
        Assert.Equal(1, await connect.WaitForExitAsync());
        string[] lines = Lines(connect);
        string[] expected =
        [
            $"* connecting to {UriOf(server)}", "> GET / HTTP/1.1", "< HTTP/1.1 302 Found",
            $"* connecting to {UriOf(server)}there", "> GET /there HTTP/1.1", "< HTTP/1.1 403 Forbidden", "< no\\u001B[31m", "< second",
        ];
        Assert.Equal(expected, lines.Where(expected.Contains));
        Assert.StartsWith("< xx", lines[^2], StringComparison.Ordinal);
        Assert.Equal(1024 - "no\e[31m\nsecond\n".Length, lines[^2].Length - "< ".Length);
        Assert.StartsWith("The server answered 403 Forbidden", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_with_verbose_and_json_has_the_body_of_a_refusal_in_the_error()
    {
        await using WebSocketServer server = await StartRefusingAsync();
        await using PeerProcess connect = PeerProcess.StartTool("connect", UriOf(server) + "there", "-v", "--json");
        Assert.Equal(1, await connect.WaitForExitAsync());
        JsonElement[] lines = [.. Lines(connect).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(["connecting", "request", "response", "error"], lines.Select(line => line.GetProperty("type").GetString()));
        Assert.Equal("/there", lines[1].GetProperty("target").GetString());
        Assert.StartsWith("no\e[31m\nsecond\n", lines[3].GetProperty("body").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_with_ping_tells_of_each_pong_that_does_not_come()
    {
        await using WebSocketServer server = await StartAsync(ServeUntilClosedAsync, new() { Connection = new() { AutoPong = false } });
        await using PeerProcess connect = PeerProcess.StartTool("connect", UriOf(server), "--ping", "0.01", "--json", "--wait", "0");
        for (int i = 0; i < 2; i++)
            Assert.Equal("", connect.WaitForLine("{\"type\":\"error\",\"message\":\"No pong came within 1 s.\"}"));
        connect.Input.Close();
        Assert.Equal(0, await connect.WaitForExitAsync());
    }

    /// <summary>Starts a server that leads from anywhere to a refusal.</summary>
    private static async Task<WebSocketServer> StartRefusingAsync()
    {
        var server = new WebSocketServer(new() { Port = 0 });
        await server.StartAsync();
        _ = Task.Run(async () =>
        {
            await foreach (UpgradeRequest request in server.UpgradeRequestsAsync())
            {
                if (request.Path == "/there")
                    await request.RejectAsync(403, body: "no\e[31m\nsecond\n" + new string('x', 5000));
                else
                    await request.RejectAsync(302, new() { { "Location", "/there" } });
            }
        });
        return server;
    }
}
