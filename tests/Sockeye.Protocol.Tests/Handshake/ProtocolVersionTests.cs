using System.Text;

namespace Sockeye.Protocol.Tests.Handshake;

/// <summary>The versions of the protocol (RFC 6455, section 4.4): 13, and 8 of the HyBi drafts 7–12.</summary>
public sealed class ProtocolVersionTests
{
    [Fact]
    public void CreateRequest_of_version_8_names_it_and_the_origin_by_its_old_name()
    {
        var handshake = new ClientHandshake("a", "/", Heads.Key) { ProtocolVersion = 8, Origin = "http://b" };

        RequestHead request = handshake.CreateRequest();

        Assert.Equal(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + Heads.Key
                + "\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Origin: http://b\r\n\r\n",
            Encoding.Latin1.GetString(request.ToBytes()));
        Assert.True(ServerHandshake.TryEvaluate(request, out UpgradeOffer? offer, out _));
        Assert.Equal(8, offer.Version);
        Assert.True(handshake.TryAccept(offer.Accept(), out _, out HandshakeFault? fault), fault?.ToString());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(9)]
    [InlineData(12)]
    [InlineData(14)]
    public void ProtocolVersion_that_is_not_spoken_throws(int version) =>
        Assert.Throws<ArgumentOutOfRangeException>("ProtocolVersion", () => new ClientHandshake("a", "/", Heads.Key) { ProtocolVersion = version });

    [Fact]
    public void Headers_with_the_old_origin_are_refused_since_the_handshake_writes_it() =>
        Assert.Throws<ArgumentException>(
            "Headers", () => new ClientHandshake("a", "/", Heads.Key) { Headers = new() { { "sec-websocket-origin", "http://b" } } });

    [Theory]
    [InlineData("13", 13)]
    [InlineData("8", 8)]
    [InlineData("7", null)]
    [InlineData("0", null)]
    [InlineData("013", null)]
    [InlineData("13.0", null)]
    [InlineData("8, 13", null)]
    [InlineData("\u0661\u0663", null)]
    public void TryEvaluate_takes_the_versions_13_and_8_alone(string value, int? expected)
    {
        HttpHeaders headers = new();
        foreach ((string name, string other) in Heads.Parse(Heads.With("Sec-WebSocket-Version", null)).Headers)
            headers.Add(name, other);
        headers.AddChecked("Sec-WebSocket-Version", value);

        bool taken = ServerHandshake.TryEvaluate(new RequestHead("GET", "/", headers), out UpgradeOffer? offer, out HandshakeFault? fault);

        Assert.Equal((expected is not null, expected), (taken, offer?.Version));
        Assert.Equal(expected is null ? HandshakeRule.VersionMustBeKnown : null, fault?.Rule);
    }

    [Theory]
    [InlineData("13", new[] { 13 })]
    [InlineData("8, 13", new[] { 8, 13 })]
    public void Refusal_names_the_versions_that_the_server_was_told(string expected, int[] versions)
    {
        HandshakeRefusal refusal = HandshakeRefusal.Of(HandshakeFault.Of(HandshakeRule.VersionMustBeKnown, "7"), versions);

        Assert.Equal(426, refusal.StatusCode);
        Assert.Equal(expected, refusal.Headers["Sec-WebSocket-Version"]);
        Assert.Contains("(7)", refusal.Body, StringComparison.Ordinal);
    }

    [Fact]
    public void Refusal_with_versions_that_nobody_speaks_throws()
    {
        HandshakeFault fault = HandshakeFault.Of(HandshakeRule.VersionMustBeKnown);

        Assert.Throws<ArgumentException>("protocolVersions", () => HandshakeRefusal.Of(fault, []));
        Assert.Throws<ArgumentOutOfRangeException>("protocolVersions", () => HandshakeRefusal.Of(fault, [13, 7]));
    }

    [Theory]
    [InlineData(null, new int[0])]
    [InlineData("", new int[0])]
    [InlineData("13", new[] { 13 })]
    [InlineData("13, 8", new[] { 13, 8 })]
    [InlineData(" 8 ,\t13 ,, 13", new[] { 8, 13 })]
    [InlineData("255, 256, -1, +3, 0, 1e1, x", new[] { 255, 0 })]
    public void GetSupportedVersions_reads_what_is_a_version(string? value, int[] expected)
    {
        HttpHeaders headers = value is null ? [] : new() { { "sec-websocket-version", value } };

        Assert.Equal(expected, ClientHandshake.GetSupportedVersions(new ResponseHead(426, headers)));
    }

    [Fact]
    public void GetSupportedVersions_reads_repeated_headers()
    {
        HttpHeaders headers = new() { { "Sec-WebSocket-Version", "13" }, { "Sec-WebSocket-Version", "8, 7" } };

        Assert.Equal([13, 8, 7], ClientHandshake.GetSupportedVersions(new ResponseHead(400, headers)));
    }
}
