using Sockeye.Protocol;

namespace Sockeye.Tests.Server;

/// <summary>Rule H3 (V24): who may connect from a page.</summary>
public sealed class OriginPolicyTests
{
    // Origin, Host, TLS (null: not known), allowed list, expected
    public static TheoryData<string?, string, bool?, string, bool> Table => new()
    {
        { null, "example.com", null, "", true },
        { "http://example.com", "example.com", null, "", true },
        { "https://example.com", "example.com", null, "", true }, // behind a proxy that takes TLS off
        { "https://example.com", "example.com", true, "", true },
        { "http://example.com", "example.com", true, "", false },
        { "https://example.com", "example.com", false, "", false },
        { "http://example.com", "example.com", false, "", true },
        { "http://EXAMPLE.com", "example.COM", null, "", true },
        { "HTTP://example.com", "example.com", null, "", true },
        { "http://example.com:80", "example.com", null, "", true },
        { "http://example.com", "example.com:80", null, "", true },
        { "https://example.com", "example.com:443", null, "", true },
        { "https://example.com:443", "example.com", null, "", true },
        { "https://example.com", "example.com:80", null, "", false },
        { "http://example.com", "example.com:443", null, "", false },
        { "http://example.com:8080", "example.com:8080", null, "", true },
        { "http://example.com:8081", "example.com:8080", null, "", false },
        { "http://example.com", "example.com:8080", null, "", false },
        { "http://localhost:8080", "127.0.0.1:8080", null, "", false },
        { "http://[::1]:8080", "[::1]:8080", null, "", true },
        { "http://[::1]:8080", "[0:0:0:0:0:0:0:1]:8080", null, "", true },
        { "http://[::2]:8080", "[::1]:8080", null, "", false },
        { "null", "example.com", null, "", false },
        { "", "example.com", null, "", false },
        { "file://", "example.com", null, "", false },
        { "example.com", "example.com", null, "", false },
        { "//example.com", "example.com", null, "", false },
        { "http://example.com/", "example.com", null, "", false },
        { "http://example.com/x", "example.com", null, "", false },
        { "http://example.com.evil.example", "example.com", null, "", false },
        { "http://evilexample.com", "example.com", null, "", false },
        { "http://example.co", "example.com", null, "", false },
        { "http://sub.example.com", "example.com", null, "", false },
        { "http://example.com@evil.example", "example.com", null, "", false },
        { "http://evil.example#example.com", "example.com", null, "", false },
        { "http://evil.example?example.com", "example.com", null, "", false },
        { "http://example.com.", "example.com", null, "", false },
        { "http://example.com, http://evil.example", "example.com", null, "", false },
        { "chrome-extension://example.com", "example.com", null, "", false },
        { "javascript://example.com", "example.com", null, "", false },
        { "https://a.example", "b.example", null, "https://a.example", true },
        { "https://A.example:443", "b.example", null, "https://a.example", true },
        { "http://a.example", "b.example", null, "https://a.example", false },
        { "https://a.example:8443", "b.example", null, "https://a.example", false },
        { "https://x.a.example", "b.example", null, "https://a.example", false },
        { "https://b.example", "b.example", null, "https://a.example", true }, // the list adds to the same origin
        { "chrome-extension://abc", "b.example", null, "chrome-extension://abc", true },
        { "chrome-extension://abd", "b.example", null, "chrome-extension://abc", false },
        { "null", "b.example", null, "null", true },
        { "https://evil.example", "b.example", null, "null", false },
        { "https://evil.example", "b.example", null, "*", true },
        { "null", "b.example", null, "*", true },
        { "rubbish", "b.example", null, "*", true },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void Check_of_an_origin_allows_the_same_and_the_listed(string? origin, string host, bool? isSecure, string allowed, bool expected)
    {
        HttpHeaders headers = new() { { "Host", host }, { "Sec-WebSocket-Version", "13" } };
        if (origin is not null)
            headers.Add("Origin", origin);

        HandshakeFault? fault = Policy(allowed).Check(new RequestHead("GET", "/", headers), isSecure, trustForwarded: false);

        Assert.Equal(expected ? null : HandshakeRule.OriginMustBeAllowed, fault?.Rule);
    }

    [Fact]
    public void Check_of_two_origins_refuses_even_where_both_are_the_same()
    {
        HttpHeaders headers = new() { { "Host", "a" }, { "Origin", "http://a" }, { "Origin", "http://a" } };

        Assert.NotNull(OriginPolicy.SameOrigin.Check(new RequestHead("GET", "/", headers), null, trustForwarded: false));
    }

    [Theory]
    [InlineData("Sec-WebSocket-Origin: http://a", true)]
    [InlineData("Sec-WebSocket-Origin: http://b", false)]
    [InlineData("Sec-WebSocket-Origin: http://a|Origin: http://b", false)]
    public void Check_in_version_8_looks_at_the_old_header(string lines, bool expected)
    {
        HttpHeaders headers = new() { { "Host", "a" }, { "Sec-WebSocket-Version", "8" } };
        foreach (string line in lines.Split('|'))
            headers.Add(line.Split(": ")[0], line.Split(": ")[1]);

        Assert.Equal(expected, OriginPolicy.SameOrigin.Check(new RequestHead("GET", "/", headers), null, trustForwarded: false) is null);
    }

    [Theory]
    [InlineData(true, "https://public.example", "public.example", "https", true)]
    [InlineData(true, "http://public.example", "public.example", "https", false)]
    [InlineData(true, "http://internal:8080", "public.example", "https", false)]
    [InlineData(true, "https://public.example", "public.example, internal", "https, http", true)]
    [InlineData(true, "http://internal:8080", "", "", true)]
    [InlineData(false, "https://public.example", "public.example", "https", false)]
    [InlineData(false, "http://internal:8080", "public.example", "https", true)]
    public void Check_believes_forwarded_headers_only_where_it_may(bool trust, string origin, string host, string scheme, bool expected)
    {
        HttpHeaders headers = new()
        {
            { "Host", "internal:8080" }, { "Origin", origin }, { "X-Forwarded-Host", host }, { "X-Forwarded-Proto", scheme },
        };

        Assert.Equal(expected, OriginPolicy.SameOrigin.Check(new RequestHead("GET", "/", headers), null, trust) is null);
    }

    [Fact]
    public void Check_names_the_origin_and_the_host()
    {
        HttpHeaders headers = new() { { "Host", "here.example" }, { "Origin", "https://there.example" } };

        string message = OriginPolicy.SameOrigin.Check(new RequestHead("GET", "/", headers), true, trustForwarded: false)!.Message;

        Assert.Contains("https://there.example", message, StringComparison.Ordinal);
        Assert.Contains("https://here.example", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("example.com")]
    [InlineData("https://example.com/")]
    [InlineData("https://*.example.com")]
    [InlineData("")]
    [InlineData("https://user@example.com")]
    public void AllowedOrigins_that_are_none_throw_where_they_are_set(string origin)
    {
        Assert.Throws<ArgumentException>("AllowedOrigins", () => new WebSocketAcceptOptions { AllowedOrigins = [origin] });
        Assert.Throws<ArgumentException>("AllowedOrigins", () => new WebSocketServerOptions { AllowedOrigins = [origin] });
    }

    [Theory]
    [InlineData("http://{0}", "", "", 101)]
    [InlineData("http://other", "", "", 403)]
    [InlineData("http://other", "http://other", "", 101)]
    [InlineData("http://other", "", "http://other", 101)]
    [InlineData("http://other", "http://other", "http://third", 403)] // the path overrides the server
    public async Task Server_checks_the_origin_before_it_switches(string origin, string ofServer, string ofPath, int status)
    {
        await using ServerTest test = await ServerTest.EchoAsync(
            options => options with { AllowedOrigins = Split(ofServer) },
            new WebSocketAcceptOptions { AllowedOrigins = ofPath.Length == 0 ? null : Split(ofPath) });
        using RawClient client = await RawClient.ConnectAsync(test.Server);

        await client.SendAsync(RawClient.Request(test.Server, "/", "Origin: " + string.Format(origin, test.Host) + "\r\n"));

        Assert.StartsWith($"HTTP/1.1 {status} ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_that_refuses_an_origin_names_both_values_in_the_body()
    {
        await using ServerTest test = await ServerTest.EchoAsync();

        string answer = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/", "Origin: https://evil.example\r\n"));

        Assert.StartsWith("HTTP/1.1 403 Forbidden\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("https://evil.example", answer, StringComparison.Ordinal);
        Assert.Contains(test.Host, answer.Split("\r\n\r\n")[1], StringComparison.Ordinal);
    }

    private static OriginPolicy Policy(string allowed) => new(Split(allowed), "allowed");

    private static string[] Split(string list) => list.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
