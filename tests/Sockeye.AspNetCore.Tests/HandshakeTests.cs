using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Sockeye.Protocol;

namespace Sockeye.AspNetCore.Tests;

/// <summary>The handshake of HTTP/1.1, byte by byte.</summary>
public sealed class HandshakeTests
{
    private const string Key = "dGhlIHNhbXBsZSBub25jZQ==";
    private const string Accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    private static readonly string[] Valid =
        ["Upgrade: websocket", "Connection: Upgrade", $"Sec-WebSocket-Key: {Key}", "Sec-WebSocket-Version: 13"];

    public static TheoryData<string[], int, string> Refused => new()
    {
        { Without("Upgrade:"), 426, "Upgrade: websocket" },
        { Without("Connection:"), 400, "does not name Upgrade" },
        { Without("Sec-WebSocket-Key:"), 400, "Sec-WebSocket-Key" },
        { Without("Sec-WebSocket-Version:"), 400, "Sec-WebSocket-Version: 13, 8" },
        { [.. Without("Sec-WebSocket-Version:"), "Sec-WebSocket-Version: 7"], 426, "Sec-WebSocket-Version: 13, 8" },
        { [.. Valid, "Origin: http://elsewhere.example"], 403, "http://elsewhere.example" },
        { [.. Valid, "Sec-WebSocket-Protocol: a, a"], 400, "Sec-WebSocket-Protocol" },
        { [.. Valid, "Sec-WebSocket-Extensions: ;"], 400, "Sec-WebSocket-Extensions" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Faulty_request_is_refused_as_by_the_standalone_server(string[] headers, int status, string holds)
    {
        bool isRun = false;
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", (_, _) =>
        {
            isRun = true;
            return Task.CompletedTask;
        }));
        string answer = await host.AskAsync(Request(host, headers) + Request(host, Valid));

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains(holds, answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nContent-Type: text/plain; charset=utf-8\r\n", answer, StringComparison.Ordinal);
        Assert.Single(answer.Split("HTTP/1.1 ", StringSplitOptions.RemoveEmptyEntries)); // nothing behind it was answered
        Assert.False(isRun);
    }

    [Theory]
    [InlineData("http", 101)]
    [InlineData("https", 101)] // who knows what stands before an unencrypted server
    public async Task Own_origin_is_welcome(string scheme, int status)
    {
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", (_, _) => Task.CompletedTask));
        string answer = await host.AskAsync(Request(host, [.. Valid, $"Origin: {scheme}://{host.Host}"]) + CloseFrame());
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_methods_are_not_allowed()
    {
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", (_, _) => Task.CompletedTask));
        string answer = await host.AskAsync($"POST / HTTP/1.1\r\nHost: {host.Host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 405 ", answer, StringComparison.Ordinal);
        Assert.Contains("Allow: ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Road.Http11, true)]
    [InlineData(Road.Http11, false)]
    [InlineData(Road.EventLoop, true)]
    [InlineData(Road.EventLoop, false)]
    [InlineData(Road.Http11Tls, true)]
    [InlineData(Road.Http11Tls, false)]
    public async Task First_frame_in_the_packet_of_the_handshake_is_not_lost(Road road, bool hasPipe)
    {
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                if (!hasPipe)
                    app.Use(HidePipe);
                app.MapWebSocket("/", WebHost.EchoAsync);
            },
            road: road);
        string answer = await host.AskAsync(Request(host, Valid) + Frame(Opcode.Text, "early") + CloseFrame());

        Assert.StartsWith("HTTP/1.1 101 Switching Protocols\r\n", answer, StringComparison.Ordinal);
        Assert.Contains($"\r\nSec-WebSocket-Accept: {Accept}\r\n", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n\x81\x05" + "early" + "\x88\x02\x03\xE8", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Road.Http11, true)]
    [InlineData(Road.Http11, false)]
    [InlineData(Road.EventLoop, true)]
    [InlineData(Road.EventLoop, false)]
    [InlineData(Road.Http11Tls, true)]
    public async Task Violation_closes_with_its_code_and_the_client_sees_the_end(Road road, bool hasPipe)
    {
        // A stream of an upgrade cannot end one direction alone: only time ends it. The others say by themselves that no more comes.
        var options = new WebSocketAcceptOptions
        {
            Connection = new WebSocketConnectionOptions { CloseTimeout = hasPipe ? TimeSpan.FromDays(1) : TimeSpan.FromMilliseconds(200) },
        };
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                if (!hasPipe)
                    app.Use(HidePipe);
                app.MapWebSocket("/", WebHost.EchoAsync, options);
            },
            road: road);
        string answer = await host.AskAsync(Request(host, Valid) + "\x81\x01x"); // not masked
        Assert.Contains("\r\n\r\n\x88", answer, StringComparison.Ordinal);
        Assert.Contains("\x03\xEA", answer, StringComparison.Ordinal); // 1002
    }

    [Fact]
    public async Task Upgrades_beyond_the_limit_of_Kestrel_are_answered_with_503()
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", WebHost.EchoAsync), kestrel: options => options.Limits.MaxConcurrentUpgradedConnections = 1);
        await using WebSocketConnection first = await host.OpenAsync("/");
        string answer = await host.AskAsync(Request(host, Valid));
        Assert.StartsWith("HTTP/1.1 503 ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nRetry-After: 1\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Sec-WebSocket-Accept", answer, StringComparison.Ordinal);
        await first.SendTextAsync("still there");
        Assert.Equal("still there", (await first.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
    }

    [Theory]
    [InlineData("", 401)]
    [InlineData("?key=sesame", 101)]
    public async Task Authorize_of_the_options_decides_before_the_switch(string query, int status)
    {
        int handled = 0;
        var options = new WebSocketAcceptOptions
        {
            Authorize = request =>
            {
                request.ResponseHeaders.Add("X-Seen", "1");
                request.UserData = request.GetQueryValue("key");
                return new(Credentials.Equal(request.GetQueryValue("key"), "sesame") ? null : new HandshakeRefusal(401));
            },
        };
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket(
            "/",
            (socket, _) =>
            {
                Assert.Equal("sesame", socket.UserData);
                handled++;
                return Task.CompletedTask;
            },
            options));

        string answer = await host.AskAsync(Request(host, Valid).Replace("GET /", $"GET /{query}", StringComparison.Ordinal) + CloseFrame());

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Equal(status == 101, answer.Contains("\r\nX-Seen: 1\r\n", StringComparison.Ordinal));
        Assert.Equal(status == 101 ? 1 : 0, handled);
    }

    [Fact]
    public async Task RequireSubprotocol_refuses_who_offers_none_of_them()
    {
        var options = new WebSocketAcceptOptions { Subprotocols = ["v1"], RequireSubprotocol = true };
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync, options));

        Assert.StartsWith("HTTP/1.1 400 ", await host.AskAsync(Request(host, Valid)), StringComparison.Ordinal);
        await using WebSocketConnection socket = await host.OpenAsync("/", new() { Subprotocols = ["v1"] });
        Assert.Equal("v1", socket.Subprotocol);
    }

    [Fact]
    public async Task Subprotocol_and_headers_are_those_of_the_options()
    {
        var options = new WebSocketAcceptOptions { Subprotocols = ["v1", "v2"], Headers = new() { { "X-One", "1" } } };
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync, options));
        await using WebSocketConnection socket = await host.OpenAsync("/", new() { Subprotocols = ["v3", "v2", "v1"] });
        Assert.Equal("v2", socket.Subprotocol);
        Assert.Equal("1", socket.ResponseHeaders!["X-One"]);
    }

    private static Task HidePipe(HttpContext context, RequestDelegate next) =>
        next(new DefaultHttpContext(new WithoutFeature(context.Features, typeof(IConnectionTransportFeature))));

    private static string[] Without(string name) => [.. Valid.Where(line => !line.StartsWith(name, StringComparison.Ordinal))];

    private static string Request(WebHost host, string[] headers) =>
        $"GET / HTTP/1.1\r\nHost: {host.Host}\r\n{string.Concat(headers.Select(line => line + "\r\n"))}\r\n";

    private static string CloseFrame() => Encoding.Latin1.GetString(WebHost.CloseFrame);

    private static string Frame(Opcode opcode, string payload) =>
        Encoding.Latin1.GetString(WebHost.Frame(opcode, Encoding.Latin1.GetBytes(payload)));
}
