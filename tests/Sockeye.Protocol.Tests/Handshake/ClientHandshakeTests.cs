using System.Text;

namespace Sockeye.Protocol.Tests.Handshake;

public sealed class ClientHandshakeTests
{
    private const string Switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    private const string Valid = Switching + "Sec-WebSocket-Accept: " + Heads.Accept + "\r\n";

    [Fact]
    public void CreateRequest_with_everything_writes_the_headers_in_order()
    {
        var handshake = new ClientHandshake("example.com:8080", "/chat?x=1", Heads.Key)
        {
            Subprotocols = ["v2", "v1"],
            Extensions = [new("permessage-deflate", new ExtensionParameter("client_max_window_bits"))],
            Origin = "https://example.com",
            Headers = new() { { "x-ODD", "a" }, { "Authorization", "Bearer t" }, { "x-ODD", "b" } },
        };

        Assert.Equal(
            "GET /chat?x=1 HTTP/1.1\r\nHost: example.com:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + Heads.Key
                + "\r\nSec-WebSocket-Version: 13\r\nOrigin: https://example.com\r\nSec-WebSocket-Protocol: v2, v1\r\n"
                + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                + "x-ODD: a\r\nAuthorization: Bearer t\r\nx-ODD: b\r\n\r\n",
            Encoding.Latin1.GetString(handshake.CreateRequest().ToBytes()));
        Assert.True(ServerHandshake.IsAcceptable(handshake.CreateRequest()));
    }

    [Fact]
    public void CreateRequest_with_a_Host_of_the_user_sends_that_one()
    {
        var handshake = new ClientHandshake("127.0.0.1:80", "/", Heads.Key) { Headers = new() { { "host", "example.com" } } };

        Assert.Equal(["example.com"], handshake.CreateRequest().Headers.GetValues("Host"));
    }

    [Theory]
    [InlineData("Sec-WebSocket-Key")]
    [InlineData("sec-websocket-version")]
    [InlineData("Sec-WebSocket-Accept")]
    [InlineData("Sec-WebSocket-Extensions")]
    [InlineData("Sec-WebSocket-Protocol")]
    [InlineData("UPGRADE")]
    [InlineData("Connection")]
    [InlineData("Content-Length")]
    [InlineData("Transfer-Encoding")]
    public void Headers_of_the_handshake_itself_are_refused(string name) =>
        Assert.Throws<ArgumentException>("Headers", () => new ClientHandshake("a", "/", Heads.Key) { Headers = new() { { name, "x" } } });

    [Theory]
    [InlineData("a b", "/")]
    [InlineData("a\r\nX: y", "/")]
    [InlineData("", "/")]
    [InlineData("a", "")]
    [InlineData("a", "chat")]
    [InlineData("a", "/\r\nX: y")]
    public void Host_or_target_that_cannot_stand_in_a_request_throws(string host, string target) =>
        Assert.Throws<ArgumentException>(() => new ClientHandshake(host, target, Heads.Key).CreateRequest());

    [Fact]
    public void Origin_that_cannot_stand_in_a_request_or_stands_twice_throws()
    {
        Assert.Throws<ArgumentException>(() => new ClientHandshake("a", "/", Heads.Key) { Origin = "x\r\ny" }.CreateRequest());
        Assert.Throws<ArgumentException>("Origin", () =>
            new ClientHandshake("a", "/", Heads.Key) { Origin = "http://a", Headers = new() { { "origin", "http://b" } } }.CreateRequest());
    }

    public static TheoryData<string, HandshakeRule?, string?> Responses => new()
    {
        { Valid, null, null },
        { Valid.Replace("websocket", "WebSocket", StringComparison.Ordinal), null, null },
        { Valid.Replace("Connection: Upgrade", "connection:keep-alive,upgrade", StringComparison.Ordinal), null, null },
        { Valid.Replace(": " + Heads.Accept, ":  \t" + Heads.Accept + " ", StringComparison.Ordinal), null, null },
        { Valid.Replace(" Switching Protocols", "", StringComparison.Ordinal), null, null },
        { Valid + "Sec-WebSocket-Protocol: v2\r\n", null, "v2" },
        { Valid + "Sec-WebSocket-Protocol: V2\r\n", HandshakeRule.SubprotocolMustBeOffered, null },
        { Valid + "Sec-WebSocket-Protocol: v3\r\n", HandshakeRule.SubprotocolMustBeOffered, null },
        { Valid + "Sec-WebSocket-Protocol:\r\n", HandshakeRule.SubprotocolMustBeOffered, null },
        { Valid + "Sec-WebSocket-Protocol: v2, v1\r\n", HandshakeRule.SubprotocolMustBeSingle, null },
        { Valid + "Sec-WebSocket-Protocol: v2\r\nSec-WebSocket-Protocol: v2\r\n", HandshakeRule.SubprotocolMustBeSingle, null },
        { Valid + "Sec-WebSocket-Extensions: x-known; a=1\r\n", null, null },
        { Valid + "Sec-WebSocket-Extensions: permessage-deflate\r\n", HandshakeRule.ExtensionMustBeOffered, null },
        { Valid + "Sec-WebSocket-Extensions: x-known, y\r\n", HandshakeRule.ExtensionMustBeOffered, null },
        { Valid + "Sec-WebSocket-Extensions: ;\r\n", HandshakeRule.ExtensionsMustBeWellFormed, null },
        { Valid + "Sec-WebSocket-Extensions:\r\n", HandshakeRule.ExtensionsMustBeWellFormed, null },
        { Switching, HandshakeRule.AcceptMustAnswerKey, null },
        { Switching + "Sec-WebSocket-Accept: " + Heads.Key + "\r\n", HandshakeRule.AcceptMustAnswerKey, null },
        { Switching + "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n", HandshakeRule.AcceptMustAnswerKey, null },
        { Valid + "Sec-WebSocket-Accept: " + Heads.Accept + "\r\n", HandshakeRule.AcceptMustAnswerKey, null },
        { Valid.Replace("Upgrade: websocket\r\n", "", StringComparison.Ordinal), HandshakeRule.ResponseUpgradeMustBeWebSocket, null },
        { Valid.Replace("Upgrade: websocket", "Upgrade: h2c", StringComparison.Ordinal), HandshakeRule.ResponseUpgradeMustBeWebSocket, null },
        { Valid.Replace("Upgrade: websocket", "Upgrade: websocket, h2c", StringComparison.Ordinal), HandshakeRule.ResponseUpgradeMustBeWebSocket, null },
        { Valid.Replace("Connection: Upgrade\r\n", "", StringComparison.Ordinal), HandshakeRule.ResponseConnectionMustNameUpgrade, null },
        { Valid.Replace("Connection: Upgrade", "Connection: notupgrade", StringComparison.Ordinal), HandshakeRule.ResponseConnectionMustNameUpgrade, null },
        { Valid.Replace("101", "200", StringComparison.Ordinal), HandshakeRule.StatusMustBe101, null },
        { Valid.Replace("HTTP/1.1", "HTTP/1.0", StringComparison.Ordinal), HandshakeRule.StatusMustBe101, null },
        { "HTTP/1.1 403 Forbidden\r\n", HandshakeRule.StatusMustBe101, null },
        { "HTTP/1.1 302 Found\r\nLocation: /\r\n", HandshakeRule.StatusMustBe101, null },
    };

    [Theory]
    [MemberData(nameof(Responses))]
    public void TryAccept_of_a_response_opens_or_names_the_rule(string head, HandshakeRule? rule, string? subprotocol)
    {
        var handshake = new ClientHandshake("a", "/", Heads.Key)
        {
            Subprotocols = ["v2", "v1"],
            RequireSubprotocol = false,
            Extensions = [new("x-known")],
        };
        Assert.True(ResponseHead.TryParse(Heads.Bytes(head + "\r\n"), out ResponseHead? response, out HandshakeFault? fault), fault?.ToString());

        bool isOpen = handshake.TryAccept(response, out HandshakeAgreement? agreement, out fault);

        Assert.Equal(rule is null, isOpen);
        Assert.Equal(rule, fault?.Rule);
        Assert.Equal(subprotocol, agreement?.Subprotocol);
    }

    // H2
    [Theory]
    [InlineData(true, true, HandshakeRule.SubprotocolMustBeSelected)]
    [InlineData(true, false, null)]
    [InlineData(false, true, null)]
    public void TryAccept_without_a_subprotocol_fails_where_one_is_required(bool offers, bool requires, HandshakeRule? rule)
    {
        var handshake = new ClientHandshake("a", "/", Heads.Key) { Subprotocols = offers ? ["v2"] : [], RequireSubprotocol = requires };
        Assert.True(ResponseHead.TryParse(Heads.Bytes(Valid + "\r\n"), out ResponseHead? response, out _));

        Assert.Equal(rule is null, handshake.TryAccept(response, out _, out HandshakeFault? fault));
        Assert.Equal(rule, fault?.Rule);
    }

    [Fact]
    public void TryAccept_of_a_subprotocol_that_nobody_asked_for_fails()
    {
        Assert.True(ResponseHead.TryParse(Heads.Bytes(Valid + "Sec-WebSocket-Protocol: v2\r\n\r\n"), out ResponseHead? response, out _));

        Assert.False(new ClientHandshake("a", "/", Heads.Key).TryAccept(response, out _, out HandshakeFault? fault));
        Assert.Equal(HandshakeRule.SubprotocolMustBeOffered, fault.Rule);
    }

    [Theory]
    [InlineData("HTTP/1.1 101 Switching Protocols", 101, "Switching Protocols")]
    [InlineData("HTTP/1.1 101 ", 101, "")]
    [InlineData("HTTP/1.1 101", 101, "")]
    [InlineData("HTTP/1.0 404 N\u00F6 such\tthing", 404, "N\u00F6 such\tthing")]
    [InlineData("HTTP/1.1 99 x", null, null)]
    [InlineData("HTTP/1.1 600 x", null, null)]
    [InlineData("HTTP/1.1 1011", null, null)]
    [InlineData("HTTP/1.1 +11", null, null)]
    [InlineData("HTTP/1.1  101", null, null)]
    [InlineData("HTTP/2 101 x", null, null)]
    [InlineData("http/1.1 101 x", null, null)]
    [InlineData("HTTP/1.1101", null, null)]
    [InlineData("ICY 200 OK yes indeed", null, null)]
    [InlineData("", null, null)]
    [InlineData("HTTP/1.1 101 a\0b", null, null)]
    public void ResponseHead_TryParse_reads_the_status_line(string line, int? status, string? reason)
    {
        bool isValid = ResponseHead.TryParse(Heads.Bytes(line + "\r\nA: b\r\n\r\n"), out ResponseHead? response, out HandshakeFault? fault);

        Assert.Equal(status is not null, isValid);
        Assert.Equal((status, reason), (response?.StatusCode, response?.ReasonPhrase));
        Assert.Equal(isValid ? null : HandshakeRule.StatusLineMustBeWellFormed, fault?.Rule);
    }

    [Fact]
    public void ResponseHead_constructor_refuses_what_breaks_a_status_line()
    {
        Assert.Throws<ArgumentException>(() => new ResponseHead(400, [], "a\r\nb"));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ResponseHead(99, []));
        Assert.Equal("Forbidden", new ResponseHead(403, []).ReasonPhrase);
    }

    [Fact]
    public void Extended_CONNECT_is_asked_without_what_belongs_to_an_upgrade_and_a_server_accepts_it()
    {
        var handshake = new ClientHandshake("example.com", "/chat", Heads.Key) { IsExtendedConnect = true, Subprotocols = ["chat"] };

        RequestHead request = handshake.CreateRequest();

        Assert.Equal("CONNECT", request.Method);
        Assert.Equal(["Host", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"], request.Headers.Select(header => header.Key));
        Assert.True(ServerHandshake.TryEvaluate(request, isExtendedConnect: true, out UpgradeOffer? offer, out _));
        Assert.True(handshake.TryAccept(offer.Accept("chat"), out HandshakeAgreement? agreement, out _));
        Assert.Equal("chat", agreement.Subprotocol);
    }

    [Theory]
    [InlineData(101)]
    [InlineData(403)]
    public void Extended_CONNECT_is_answered_by_200_alone(int status)
    {
        var handshake = new ClientHandshake("example.com", "/chat", Heads.Key) { IsExtendedConnect = true };

        Assert.False(handshake.TryAccept(new ResponseHead(status, []), out _, out HandshakeFault? fault));

        Assert.Equal(HandshakeRule.StatusMustBe101, fault.Rule);
    }
}
