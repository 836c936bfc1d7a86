using System.Collections;

namespace Sockeye.Protocol.Tests.Handshake;

/// <summary>What cannot stand in a handshake throws where it is given, and what is made says what it is.</summary>
public sealed class HandshakeArgumentTests
{
    private const string Key = "dGhlIHNhbXBsZSBub25jZQ==";

    [Theory]
    [InlineData("", null)]
    [InlineData("a b", null)]
    [InlineData("a", "")]
    [InlineData("a", "b;c")]
    public void ExtensionParameter_that_is_no_token_throws(string name, string? value) =>
        Assert.Throws<ArgumentException>(() => new ExtensionParameter(name, value));

    [Fact]
    public void ExtensionOffer_whose_name_is_no_token_throws() => Assert.Throws<ArgumentException>(() => new ExtensionOffer("a,b"));

    [Fact]
    public void ExtensionOffer_is_written_as_it_stands_in_the_header() =>
        Assert.Equal("x; a; b=1", new ExtensionOffer("x", new ExtensionParameter("a"), new ExtensionParameter("b", "1")).ToString());

    [Theory]
    [InlineData("permessage-deflate", true)]
    [InlineData("Permessage-Deflate", true)]
    [InlineData("permessage-bzip2", false)]
    public void IsDeflate_compares_the_name(string name, bool expected) =>
        Assert.Equal(expected, DeflateNegotiation.IsDeflate(new ExtensionOffer(name)));

    [Theory]
    [InlineData("a b", "/", Key)]
    [InlineData("example.com", "chat", Key)]
    [InlineData("example.com", "", Key)]
    [InlineData("example.com", "/", "short")]
    public void ClientHandshake_of_values_that_cannot_stand_in_a_request_throws(string host, string target, string key) =>
        Assert.Throws<ArgumentException>(() => new ClientHandshake(host, target, key));

    [Fact]
    public void ClientHandshake_with_two_Hosts_throws() => Assert.Throws<ArgumentException>(
        () => new ClientHandshake("example.com", "/", Key) { Headers = new() { { "Host", "a" }, { "host", "b" } } });

    [Fact]
    public void HandshakeFault_names_its_source() => Assert.Equal(
        "there is nothing at this path (/x) (RFC 6455, section 4.2.2)", HandshakeFault.Of(HandshakeRule.PathMustBeKnown, "/x").ToString());

    [Fact]
    public void HandshakeRefusal_of_a_rule_for_servers_throws() =>
        Assert.Throws<ArgumentException>(() => HandshakeRefusal.Of(HandshakeFault.Of(HandshakeRule.AcceptMustAnswerKey)));

    [Fact]
    public void HttpHeaders_enumerate_in_their_order_for_whoever_knows_no_generics()
    {
        IEnumerable headers = new HttpHeaders { { "a", "1" }, { "b", "2" } };
        List<string> names = [];
        foreach (object field in headers)
            names.Add(((KeyValuePair<string, string>)field).Key);
        Assert.Equal(["a", "b"], names);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    public void Heads_of_another_version_than_HTTP_1_throw(int minorVersion)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new RequestHead("GET", "/", [], minorVersion));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ResponseHead(200, [], minorVersion: minorVersion));
    }

    [Theory]
    [InlineData(101, "Switching Protocols")]
    [InlineData(426, "Upgrade Required")]
    [InlineData(503, "Service Unavailable")]
    [InlineData(599, "")]
    public void ResponseHead_gives_the_status_its_words(int statusCode, string expected) =>
        Assert.Equal(expected, new ResponseHead(statusCode, []).ReasonPhrase);

    [Fact]
    public void More_subprotocols_than_are_allowed_throw() =>
        Assert.Throws<ArgumentException>(() => Subprotocol.Validate([.. Enumerable.Range(0, 65).Select(i => $"p{i}")], "Subprotocols"));

    [Fact]
    public void Extension_is_accepted_where_it_was_offered_and_only_there()
    {
        var request = new RequestHead("GET", "/", new()
        {
            { "Host", "example.com" }, { "Upgrade", "websocket" }, { "Connection", "Upgrade" },
            { "Sec-WebSocket-Key", Key }, { "Sec-WebSocket-Version", "13" },
            { "Sec-WebSocket-Extensions", "y; a=1" },
        });
        Assert.True(ServerHandshake.TryEvaluate(request, out UpgradeOffer? offer, out _));
        Assert.Throws<ArgumentException>(() => offer.Accept(extensions: [new ExtensionOffer("x")]));
        ResponseHead response = offer.Accept(extensions: [new ExtensionOffer("y", new ExtensionParameter("a", "2"))]);
        Assert.Equal("y; a=2", response.Headers["Sec-WebSocket-Extensions"]);
    }

    [Fact]
    public void Extended_CONNECT_needs_no_key_and_is_accepted_without_what_belongs_to_an_upgrade()
    {
        var headers = new HttpHeaders { { "Host", "example.com" }, { "Sec-WebSocket-Version", "13" }, { "Sec-WebSocket-Protocol", "chat" } };
        var request = new RequestHead("CONNECT", "/", headers);
        Assert.True(ServerHandshake.TryEvaluate(request, isExtendedConnect: true, out UpgradeOffer? offer, out _));
        ResponseHead response = offer.Accept("chat");
        Assert.Equal(200, response.StatusCode);
        Assert.Equal(["Sec-WebSocket-Protocol"], response.Headers.Select(header => header.Key));
        Assert.False(ServerHandshake.TryEvaluate(new RequestHead("GET", "/", headers), isExtendedConnect: true, out _, out _));
    }

    [Theory]
    [InlineData("12")]
    [InlineData(null)]
    public void Extended_CONNECT_of_another_version_is_refused(string? version)
    {
        var headers = new HttpHeaders { { "Host", "example.com" } };
        if (version is not null)
            headers.Add("Sec-WebSocket-Version", version);
        var request = new RequestHead("CONNECT", "/", headers);
        Assert.False(ServerHandshake.TryEvaluate(request, isExtendedConnect: true, out _, out HandshakeFault? fault));
        Assert.NotNull(fault);
    }
}
