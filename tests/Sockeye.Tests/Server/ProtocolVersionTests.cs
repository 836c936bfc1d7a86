using Sockeye.Protocol;
using Sockeye.Tests.Client;

namespace Sockeye.Tests.Server;

/// <summary>Rule H1, the versions of the protocol: 13, and 8 of the HyBi drafts 7–12, for both roles.</summary>
public sealed class ProtocolVersionTests
{
    private static readonly TimeSpan Patience = RawClient.Patience;

    [Theory]
    [InlineData(13)]
    [InlineData(8)]
    public async Task Client_and_server_of_either_version_talk(int version)
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var options = new WebSocketClientOptions { ProtocolVersion = version, Origin = $"http://{test.Host}" };

        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(test.Uri, options).WaitAsync(Patience);

        Assert.Equal([version.ToString()], socket.Request!.Headers.GetValues("Sec-WebSocket-Version"));
        await socket.SendTextAsync("hello");
        Assert.Equal("hello", (await socket.ReceiveAsync()).GetText());
        Assert.True((await socket.CloseAsync().WaitAsync(Patience)).IsClean);
    }

    [Theory]
    [InlineData(8, "Sec-WebSocket-Origin: http://evil.example", 403)]
    [InlineData(8, "Sec-WebSocket-Origin: http://{0}", 101)]
    [InlineData(8, "Origin: http://evil.example", 403)]
    [InlineData(8, "Origin: http://{0}\r\nSec-WebSocket-Origin: http://evil.example", 403)]
    [InlineData(8, "Sec-WebSocket-Origin: http://{0}\r\nSec-WebSocket-Origin: http://{0}", 403)]
    [InlineData(13, "Sec-WebSocket-Origin: http://evil.example", 101)]
    [InlineData(13, "Origin: http://evil.example\r\nSec-WebSocket-Origin: http://{0}", 403)]
    public async Task Server_checks_the_origin_by_the_name_that_the_version_gives_it(int version, string origin, int status)
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        using RawClient client = await RawClient.ConnectAsync(test.Server);

        await client.SendAsync(Request(test, version, string.Format(origin, test.Host) + "\r\n"));

        Assert.StartsWith($"HTTP/1.1 {status} ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8, "Sec-WebSocket-Origin: http://a.example", "http://a.example")]
    [InlineData(8, "Origin: http://a.example", "http://a.example")]
    [InlineData(13, "Sec-WebSocket-Origin: http://a.example", null)]
    [InlineData(13, "Origin: http://a.example", "http://a.example")]
    public async Task Request_tells_its_version_and_the_origin_that_belongs_to_it(int version, string header, string? expected)
    {
        await using var test = new ServerTest(options => options with { AllowedOrigins = ["*"] });
        await using IAsyncEnumerator<UpgradeRequest> requests = test.Server.UpgradeRequestsAsync().GetAsyncEnumerator();
        ValueTask<bool> next = requests.MoveNextAsync();
        await test.Server.Listening;
        using RawClient client = await RawClient.ConnectAsync(test.Server);
        await client.SendAsync(Request(test, version, header + "\r\n"));
        Assert.True(await next.AsTask().WaitAsync(Patience));

        Assert.Equal((version, expected), (requests.Current.ProtocolVersion, requests.Current.Origin));
        await requests.Current.RejectAsync(410);
    }

    [Theory]
    [InlineData(7, new[] { 13, 8 }, "13, 8")]
    [InlineData(14, new[] { 13, 8 }, "13, 8")]
    [InlineData(8, new[] { 13 }, "13")]
    [InlineData(7, new[] { 13 }, "13")]
    [InlineData(13, new[] { 8 }, "8")]
    public async Task Server_answers_another_version_with_426_and_its_list(int version, int[] accepted, string expected)
    {
        await using ServerTest test = await ServerTest.EchoAsync(accept: new() { ProtocolVersions = accepted });

        string answer = await RawClient.AskAsync(test.Server, Request(test, version, ""));

        Assert.StartsWith("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close, Upgrade\r\n", answer, StringComparison.Ordinal);
        Assert.Contains($"\r\nSec-WebSocket-Version: {expected}\r\n", answer, StringComparison.Ordinal);
        Assert.Contains($"({version})", answer, StringComparison.Ordinal);
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task AcceptAsync_with_options_that_narrow_the_versions_refuses_the_others()
    {
        await using var test = new ServerTest();
        var failed = new TaskCompletionSource<Exception?>();
        _ = ServeAsync();
        await test.Server.Listening;

        string answer = await RawClient.AskAsync(test.Server, Request(test, 8, ""));

        Assert.StartsWith("HTTP/1.1 426 ", answer, StringComparison.Ordinal);
        var thrown = Assert.IsType<WebSocketHandshakeException>(await failed.Task.WaitAsync(Patience));
        Assert.Equal((HandshakeFailure.Refused, HandshakeRule.VersionMustBeKnown), (thrown.Cause, thrown.Fault?.Rule));

        async Task ServeAsync()
        {
            await foreach (UpgradeRequest request in test.Server.UpgradeRequestsAsync())
                failed.SetResult(await Record.ExceptionAsync(() => request.AcceptAsync(new() { ProtocolVersions = [13] })));
        }
    }

    [Fact]
    public async Task Client_whose_version_the_server_does_not_speak_says_which_it_does()
    {
        await using ServerTest test = await ServerTest.EchoAsync(accept: new() { ProtocolVersions = [13] });

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync(test.Uri, new() { ProtocolVersion = 8 }).WaitAsync(Patience));

        Assert.Equal((HandshakeFailure.Status, 426), (thrown.Cause, thrown.StatusCode));
        Assert.Equal([13], thrown.SupportedVersions);
        Assert.Contains("speaks version 13 of the WebSocket protocol and was asked for 8", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Sec-WebSocket-Version: 8, 7\r\n", "speaks version 8, 7 of", 8, 7)]
    [InlineData("Sec-WebSocket-Version: 13\r\n", "Body and Headers tell more", 13)]
    [InlineData("", "Body and Headers tell more")]
    public async Task Client_takes_the_list_from_any_refusal_and_blames_the_version_only_where_it_is_not_there(
        string header, string message, params int[] expected)
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync($"HTTP/1.1 400 Bad Request\r\n{header}Content-Length: 0\r\n\r\n");

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(server.Uri).WaitAsync(Patience));

        await answering;
        Assert.Equal(expected, thrown.SupportedVersions);
        Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Versions_that_cannot_be_spoken_throw_where_they_are_set()
    {
        Assert.Throws<ArgumentOutOfRangeException>("ProtocolVersion", () => new WebSocketClientOptions { ProtocolVersion = 7 });
        Assert.Throws<ArgumentException>("ProtocolVersions", () => new WebSocketAcceptOptions { ProtocolVersions = [] });
        Assert.Throws<ArgumentOutOfRangeException>("ProtocolVersions", () => new WebSocketAcceptOptions { ProtocolVersions = [13, 12] });
        Assert.Throws<ArgumentNullException>("ProtocolVersions", () => new WebSocketAcceptOptions { ProtocolVersions = null! });
    }

    private static string Request(ServerTest test, int version, string headers) =>
        RawClient.Request(test.Server, "/", headers).Replace("Version: 13", $"Version: {version}", StringComparison.Ordinal);
}
