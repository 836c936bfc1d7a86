using System.Text;

namespace Sockeye.Protocol.Tests.Handshake;

/// <summary>Rule H1: who is refused, and how. Covers V23, V25 and V29.</summary>
public sealed class ServerHandshakeTests
{
    [Fact]
    public void TryEvaluate_of_the_valid_request_gives_its_offer()
    {
        RequestHead request = Heads.Parse(Heads.Plus("Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: c\r\nSec-WebSocket-Extensions: x; y=1"));

        Assert.True(ServerHandshake.TryEvaluate(request, out UpgradeOffer? offer, out _));

        Assert.Equal(Heads.Key, offer.Key);
        Assert.Equal(13, offer.Version);
        Assert.Equal(["a", "b", "c"], offer.Subprotocols);
        Assert.Equal("x; y=1", ExtensionHeader.Format(offer.Extensions));
        Assert.True(ServerHandshake.IsAcceptable(request));
    }

    [Theory]
    [InlineData("Upgrade", "WebSocket")]
    [InlineData("Upgrade", "websocket, h2c")]
    [InlineData("Upgrade", "h2c,websocket")]
    [InlineData("Connection", "keep-alive, upgrade")]
    [InlineData("Sec-WebSocket-Version", "8")]
    [InlineData("Host", "example.com:8080")]
    [InlineData("Host", "[::1]:80")]
    [InlineData("Host", "127.0.0.1")]
    [InlineData("Host", "my_host.local.")]
    [InlineData("Content-Length", "0")]
    [InlineData("Origin", "https://elsewhere.example")]
    [InlineData("Sec-WebSocket-Protocol", "chat")]
    public void TryEvaluate_of_an_unusual_but_valid_request_accepts(string name, string value) =>
        Assert.Null(Heads.Judge(Heads.With(name, value)));

    public static TheoryData<string, string?, HandshakeRule, int> OneHeader => new()
    {
        { "Upgrade", null, HandshakeRule.UpgradeMustNameWebSocket, 426 },
        { "Upgrade", "", HandshakeRule.UpgradeMustNameWebSocket, 426 },
        { "Upgrade", "h2c", HandshakeRule.UpgradeMustNameWebSocket, 426 },
        { "Upgrade", "websocket/13", HandshakeRule.UpgradeMustNameWebSocket, 426 },
        { "Upgrade", "notwebsocket", HandshakeRule.UpgradeMustNameWebSocket, 426 },
        { "Connection", null, HandshakeRule.ConnectionMustNameUpgrade, 400 },
        { "Connection", "close", HandshakeRule.ConnectionMustNameUpgrade, 400 },
        { "Connection", "notupgrade", HandshakeRule.ConnectionMustNameUpgrade, 400 },
        { "Connection", "upgrade-insecure", HandshakeRule.ConnectionMustNameUpgrade, 400 },
        { "Sec-WebSocket-Key", null, HandshakeRule.KeyMustBeValid, 400 },
        { "Sec-WebSocket-Key", "", HandshakeRule.KeyMustBeValid, 400 },
        { "Sec-WebSocket-Key", "aaa", HandshakeRule.KeyMustBeValid, 400 },
        { "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAAA=", HandshakeRule.KeyMustBeValid, 400 },
        { "Sec-WebSocket-Version", null, HandshakeRule.VersionMustBePresent, 400 },
        { "Sec-WebSocket-Version", "", HandshakeRule.VersionMustBeKnown, 426 },
        { "Sec-WebSocket-Version", "7", HandshakeRule.VersionMustBeKnown, 426 },
        { "Sec-WebSocket-Version", "14", HandshakeRule.VersionMustBeKnown, 426 },
        { "Sec-WebSocket-Version", "013", HandshakeRule.VersionMustBeKnown, 426 },
        { "Sec-WebSocket-Version", "13, 8", HandshakeRule.VersionMustBeKnown, 426 },
        { "Sec-WebSocket-Version", "+13", HandshakeRule.VersionMustBeKnown, 426 },
        { "Sec-WebSocket-Protocol", "", HandshakeRule.SubprotocolsMustBeUniqueTokens, 400 },
        { "Sec-WebSocket-Protocol", "a, a", HandshakeRule.SubprotocolsMustBeUniqueTokens, 400 },
        { "Sec-WebSocket-Protocol", "a b", HandshakeRule.SubprotocolsMustBeUniqueTokens, 400 },
        { "Sec-WebSocket-Extensions", "", HandshakeRule.ExtensionsMustBeWellFormed, 400 },
        { "Sec-WebSocket-Extensions", "a;", HandshakeRule.ExtensionsMustBeWellFormed, 400 },
        { "Sec-WebSocket-Extensions", "a; b=\"", HandshakeRule.ExtensionsMustBeWellFormed, 400 },
        { "Host", null, HandshakeRule.HostMustBeValid, 400 },
        { "Host", "", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "[::1", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "[]", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "[1.2.3.4]", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "[::1]x", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "[fe80::1%25eth0]", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "::1", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "a b", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "a, b", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "a,b", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "a/b", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "user@a", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "http://a", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "a:b", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "a:+1", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "a:65536", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "a:999999", HandshakeRule.HostMustBeValid, 400 },
        { "Host", "\u00E9", HandshakeRule.HostMustBeValid, 400 },
        { "Host", ":80", HandshakeRule.HostMustBeValid, 400 },
        { "Content-Length", "1", HandshakeRule.UpgradeMustHaveNoBody, 400 },
        { "Content-Length", "+0", HandshakeRule.UpgradeMustHaveNoBody, 400 },
        { "Content-Length", "+5", HandshakeRule.UpgradeMustHaveNoBody, 400 },
        { "Content-Length", "", HandshakeRule.UpgradeMustHaveNoBody, 400 },
        { "Content-Length", "0, 0", HandshakeRule.UpgradeMustHaveNoBody, 400 },
        { "Content-Length", "0x0", HandshakeRule.UpgradeMustHaveNoBody, 400 },
        { "Content-Length", "18446744073709551616", HandshakeRule.UpgradeMustHaveNoBody, 400 },
        { "Transfer-Encoding", "chunked", HandshakeRule.UpgradeMustHaveNoBody, 400 },
        { "Transfer-Encoding", "identity", HandshakeRule.UpgradeMustHaveNoBody, 400 },
        { "Transfer-Encoding", "", HandshakeRule.UpgradeMustHaveNoBody, 400 },
    };

    [Theory]
    [MemberData(nameof(OneHeader))]
    public void TryEvaluate_with_one_header_wrong_names_the_rule(string name, string? value, HandshakeRule rule, int status)
    {
        HandshakeFault? fault = Heads.Judge(Heads.With(name, value));

        Assert.Equal((rule, status), (fault?.Rule, fault?.StatusCode));
    }

    [Theory]
    [InlineData("Host: example.com", HandshakeRule.HostMustBeValid)]
    [InlineData("Host: other", HandshakeRule.HostMustBeValid)]
    [InlineData("Sec-WebSocket-Key: " + Heads.Key, HandshakeRule.KeyMustBeValid)]
    [InlineData("Sec-WebSocket-Version: 13", HandshakeRule.VersionMustBePresent)]
    [InlineData("Content-Length: 0\r\nContent-Length: 0", HandshakeRule.UpgradeMustHaveNoBody)]
    [InlineData("Content-Length: 0\r\nTransfer-Encoding: chunked", HandshakeRule.UpgradeMustHaveNoBody)]
    [InlineData("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a", HandshakeRule.SubprotocolsMustBeUniqueTokens)]
    public void TryEvaluate_with_a_header_twice_names_the_rule(string lines, HandshakeRule rule) =>
        Assert.Equal(rule, Heads.Judge(Heads.Plus(lines))?.Rule);

    [Theory]
    [InlineData("Upgrade: h2c")]
    [InlineData("Connection: keep-alive")]
    [InlineData("X-Unknown: \u00FF\"';<>")]
    public void TryEvaluate_with_a_harmless_line_more_accepts(string line) => Assert.Null(Heads.Judge(Heads.Plus(line)));

    [Theory]
    [InlineData("GET /chat", "POST /chat", HandshakeRule.MethodMustBeGet, 405)]
    [InlineData("GET /chat", "HEAD /chat", HandshakeRule.MethodMustBeGet, 405)]
    [InlineData("GET /chat", "get /chat", HandshakeRule.MethodMustBeGet, 405)]
    [InlineData("GET /chat", "CONNECT example.com:443", HandshakeRule.MethodMustBeGet, 405)]
    [InlineData("GET /chat", "OPTIONS *", HandshakeRule.MethodMustBeGet, 405)]
    [InlineData("GET /chat", "GET *", HandshakeRule.TargetMustBePath, 400)]
    [InlineData("GET /chat", "GET chat", HandshakeRule.TargetMustBePath, 400)]
    [InlineData("GET /chat", "GET ftp://example.com/", HandshakeRule.TargetMustBePath, 400)]
    [InlineData("GET /chat", "GET ws://example.com/", HandshakeRule.TargetMustBePath, 400)]
    [InlineData("GET /chat", "GET http://evil.example/", HandshakeRule.TargetMustMatchHost, 400)]
    [InlineData("GET /chat", "GET http://example.com:81/", HandshakeRule.TargetMustMatchHost, 400)]
    [InlineData("GET /chat", "GET http://example.com@evil.example/", HandshakeRule.TargetMustMatchHost, 400)]
    [InlineData("GET /chat", "GET http://example.com.evil.example/", HandshakeRule.TargetMustMatchHost, 400)]
    [InlineData("GET /chat", "GET http:///", HandshakeRule.TargetMustMatchHost, 400)]
    [InlineData("GET /chat", "GET http://", HandshakeRule.TargetMustMatchHost, 400)]
    [InlineData("HTTP/1.1", "HTTP/1.0", HandshakeRule.UpgradeMustComeByHttp11, 426)]
    public void TryEvaluate_with_another_request_line_names_the_rule(string from, string to, HandshakeRule rule, int status)
    {
        HandshakeFault? fault = Heads.Judge(Heads.Valid.Replace(from, to, StringComparison.Ordinal));

        Assert.Equal((rule, status), (fault?.Rule, fault?.StatusCode));
    }

    [Theory]
    [InlineData("GET http://example.com/chat")]
    [InlineData("GET HTTP://EXAMPLE.com:80/chat")]
    [InlineData("GET https://example.com")]
    public void TryEvaluate_with_a_target_that_names_the_host_accepts(string line) =>
        Assert.Null(Heads.Judge(Heads.Valid.Replace("GET /chat", line, StringComparison.Ordinal)));

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426)]
    [InlineData("GET / HTTP/1.0\r\n\r\n", 426)]
    [InlineData("GET / HTTP/1.1\r\n\r\n", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 405)]
    public void TryEvaluate_of_plain_HTTP_gives_the_status(string text, int status) =>
        Assert.Equal(status, Heads.Judge(text)?.StatusCode);

    [Fact]
    public void TryEvaluate_of_mutated_heads_never_throws()
    {
        byte[] valid = Heads.Bytes(Heads.Plus("Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: x; y=\"1\""));
        byte[] odd = [0, 9, 10, 13, 32, 34, 35, 44, 47, 58, 59, 61, 64, 91, 92, 93, 127, 128, 255];
        for (int at = 0; at < valid.Length; at++)
        {
            foreach (byte value in odd)
            {
                byte[] mutated = [.. valid];
                mutated[at] = value;
                HandshakeFault? fault = Heads.Judge(Encoding.Latin1.GetString(mutated));
                if (fault is not null)
                    Assert.NotEmpty(HandshakeRefusal.Of(fault).ToBytes());
            }
        }
    }

    [Fact]
    public void Accept_writes_the_101_of_the_RFC()
    {
        Assert.True(ServerHandshake.TryEvaluate(Heads.Parse(Heads.With("Sec-WebSocket-Protocol", "chat, superchat")), out UpgradeOffer? offer, out _));

        string written = Encoding.Latin1.GetString(offer.Accept("chat", headers: new() { { "X-Id", "7" } }).ToBytes());

        Assert.Equal(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + Heads.Accept
                + "\r\nSec-WebSocket-Protocol: chat\r\nX-Id: 7\r\n\r\n",
            written);
    }

    [Fact]
    public void Accept_of_what_was_not_offered_throws()
    {
        Assert.True(ServerHandshake.TryEvaluate(Heads.Parse(Heads.With("Sec-WebSocket-Protocol", "chat")), out UpgradeOffer? offer, out _));

        Assert.Throws<ArgumentException>("subprotocol", () => offer.Accept("Chat"));
        Assert.Throws<ArgumentException>("extensions", () => offer.Accept(extensions: [new("x")]));
        foreach (string name in new[] { "Upgrade", "connection", "Sec-WebSocket-Accept", "Content-Length", "Transfer-Encoding" })
            Assert.Throws<ArgumentException>("headers", () => offer.Accept(headers: new() { { name, "0" } }));
    }

    [Theory]
    [InlineData(HandshakeRule.MethodMustBeGet, "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n", "Allow: GET\r\n")]
    [InlineData(HandshakeRule.UpgradeMustNameWebSocket, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close, Upgrade\r\n", "")]
    [InlineData(HandshakeRule.VersionMustBeKnown, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close, Upgrade\r\n", "Sec-WebSocket-Version: 13, 8\r\n")]
    [InlineData(HandshakeRule.HeadMustFitLimit, "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n", "")]
    [InlineData(HandshakeRule.StartLineMustFitLimit, "HTTP/1.1 414 URI Too Long\r\nConnection: close\r\n", "")]
    [InlineData(HandshakeRule.PathMustBeKnown, "HTTP/1.1 404 Not Found\r\nConnection: close\r\n", "")]
    public void Refusal_of_a_fault_has_status_headers_and_a_plain_body(HandshakeRule rule, string start, string header)
    {
        HandshakeFault fault = HandshakeFault.Of(rule, "x\r\ny");

        string[] parts = Encoding.UTF8.GetString(HandshakeRefusal.Of(fault).ToBytes()).Split("\r\n\r\n");

        Assert.StartsWith(start, parts[0] + "\r\n", StringComparison.Ordinal);
        Assert.Contains(header, parts[0] + "\r\n", StringComparison.Ordinal);
        Assert.Contains($"Content-Length: {parts[1].Length}", parts[0], StringComparison.Ordinal);
        Assert.Contains("Content-Type: text/plain; charset=utf-8", parts[0], StringComparison.Ordinal);
        Assert.EndsWith(@"(x\u000D\u000Ay)." + "\n", parts[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Refusal_of_the_application_has_its_status_headers_and_body()
    {
        var refusal = new HandshakeRefusal(401, new() { { "WWW-Authenticate", "Basic" }, { "Content-Type", "text/html" } }, "h\u00E9");

        Assert.Equal(
            "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 3\r\nWWW-Authenticate: Basic\r\nContent-Type: text/html\r\n\r\nh\u00E9",
            Encoding.UTF8.GetString(refusal.ToBytes()));
        Assert.EndsWith("\r\n\r\n", Encoding.UTF8.GetString(refusal.ToBytes(omitBody: true)), StringComparison.Ordinal);
        Assert.Equal("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", Encoding.UTF8.GetString(new HandshakeRefusal(204).ToBytes()));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HandshakeRefusal(101));
        Assert.Throws<ArgumentException>(() => new HandshakeRefusal(400, new() { { "Content-Length", "0" } }));
    }

    [Fact]
    public void Faults_stand_in_the_table_under_their_rule()
    {
        foreach (HandshakeRule rule in Enum.GetValues<HandshakeRule>())
        {
            HandshakeFault fault = HandshakeFault.Of(rule);
            Assert.Equal(rule, fault.Rule);
            Assert.StartsWith("RFC ", fault.Source, StringComparison.Ordinal);
        }
    }
}
