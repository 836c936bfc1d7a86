namespace Sockeye.Tests.Client;

/// <summary>What a client makes of a URI (RFC 6455, section 3).</summary>
public sealed class WebSocketUriTests
{
    [Theory]
    [InlineData("ws://example.com", "example.com", 80, false, "example.com", "/")]
    [InlineData("ws://example.com/", "example.com", 80, false, "example.com", "/")]
    [InlineData("WS://EXAMPLE.com:80/a", "example.com", 80, false, "example.com", "/a")]
    [InlineData("ws://example.com:443", "example.com", 443, false, "example.com:443", "/")]
    [InlineData("wss://example.com", "example.com", 443, true, "example.com", "/")]
    [InlineData("wss://example.com:443/", "example.com", 443, true, "example.com", "/")]
    [InlineData("wss://example.com:80/", "example.com", 80, true, "example.com:80", "/")]
    [InlineData("http://example.com/", "example.com", 80, false, "example.com", "/")]
    [InlineData("https://example.com/", "example.com", 443, true, "example.com", "/")]
    [InlineData("ws://example.com?q", "example.com", 80, false, "example.com", "/?q")]
    [InlineData("ws://example.com/a/../b?c=d&e", "example.com", 80, false, "example.com", "/b?c=d&e")]
    [InlineData("ws://example.com/a b", "example.com", 80, false, "example.com", "/a%20b")]
    [InlineData("ws://example.com/\u00E9%23", "example.com", 80, false, "example.com", "/%C3%A9%23")]
    [InlineData("ws://[::1]:8080/", "::1", 8080, false, "[::1]:8080", "/")]
    [InlineData("ws://[::1]/", "::1", 80, false, "[::1]", "/")]
    [InlineData("ws://[fe80::1%251]:8080/", "fe80::1%1", 8080, false, "[fe80::1]:8080", "/")]
    [InlineData("ws://127.0.0.1:8080/", "127.0.0.1", 8080, false, "127.0.0.1:8080", "/")]
    [InlineData("ws://b\u00FCcher.example/", "xn--bcher-kva.example", 80, false, "xn--bcher-kva.example", "/")]
    public void Parse_of_an_address_gives_what_the_client_needs(
        string text, string host, int port, bool isSecure, string hostHeader, string target)
    {
        foreach (WebSocketUri uri in (WebSocketUri[])[WebSocketUri.Parse(text), WebSocketUri.Parse(new Uri(text))])
        {
            Assert.Equal((host, port, isSecure), (uri.Host, uri.Port, uri.IsSecure));
            Assert.Equal((hostHeader, target), (uri.HostHeader, uri.Target));
            Assert.Null(uri.Authorization);
        }
    }

    [Theory]
    [InlineData("ws+unix:/run/a.sock", "/run/a.sock", "/")]
    [InlineData("ws+unix:/run/a.sock:", "/run/a.sock", "/")]
    [InlineData("ws+unix:/run/a.sock:/", "/run/a.sock", "/")]
    [InlineData("ws+unix:///run/a.sock:/b/c?d=e:f", "/run/a.sock", "/b/c?d=e:f")]
    [InlineData("ws+unix:/run/a%3Ab%20c.sock:/%20", "/run/a:b c.sock", "/%20")]
    [InlineData("ws+unix:a.sock:/b", "a.sock", "/b")]
    [InlineData("ws+unix:/run/a.sock?q", "/run/a.sock", "/?q")]
    public void Parse_of_a_unix_domain_socket_gives_its_path_and_the_target(string text, string socketPath, string target)
    {
        WebSocketUri uri = WebSocketUri.Parse(text);

        Assert.Equal((socketPath, target), (uri.SocketPath, uri.Target));
        Assert.Equal((false, "localhost"), (uri.IsSecure, uri.HostHeader));
        Assert.Equal($"ws+unix:{socketPath}:{target.Split('?')[0]}", uri.ToString());
    }

    [Theory]
    [InlineData("a:b", "a:b")]
    [InlineData("a", "a:")]
    [InlineData("a:", "a:")]
    [InlineData(":b", ":b")]
    [InlineData("a%3A:b%40", "a::b@")]
    [InlineData("%C3%A9:x", "\u00E9:x")]
    public void Parse_of_user_information_makes_credentials(string userInfo, string expected)
    {
        WebSocketUri uri = WebSocketUri.Parse($"ws://{userInfo}@example.com/");

        Assert.Equal("Basic " + Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(expected)), uri.Authorization);
        Assert.Equal("ws://example.com/", uri.ToString());
    }

    [Theory]
    [InlineData("", "is no absolute URI")]
    [InlineData("example.com", "is no absolute URI")]
    [InlineData("/chat", "scheme")]
    [InlineData("ftp://example.com/", "scheme")]
    [InlineData("file:///etc", "scheme")]
    [InlineData("ws+unix:", "names no socket")]
    [InlineData("ws+unix:/", "names no socket")]
    [InlineData("ws+unix::/a", "")]
    [InlineData("ws+unix://host/a.sock", "names no socket")]
    [InlineData("ws+unix:/a.sock:/#x", "fragment")]
    [InlineData("ws:", "")]
    [InlineData("ws://", "")]
    [InlineData("ws://:80/", "")]
    [InlineData("ws://example.com:99999/", "")]
    [InlineData("ws://example.com:0/", "names no port")]
    [InlineData("ws://example.com/#a", "fragment")]
    [InlineData("ws://example.com/#", "fragment")]
    [InlineData("ws://exa mple.com/", "")]
    [InlineData("ws://a\r\nb/", "")]
    public void Parse_of_what_is_no_address_throws_and_says_why(string text, string why)
    {
        var thrown = Assert.Throws<ArgumentException>("uri", () => WebSocketUri.Parse(text));

        Assert.Contains(why, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_that_fails_does_not_tell_the_password()
    {
        var thrown = Assert.Throws<ArgumentException>("uri", () => WebSocketUri.Parse("ws://me:secret@example.com/#a"));

        Assert.DoesNotContain("secret", thrown.Message, StringComparison.Ordinal);
    }

    // V26
    [Theory]
    [InlineData("ws://example.com/a\r\nX: y")]
    [InlineData("ws://example.com/a\nb?c\rd")]
    [InlineData("ws://example.com/?a\0b")]
    public void Parse_of_line_breaks_never_lets_them_into_the_request(string text)
    {
        string target = WebSocketUri.Parse(text).Target;

        Assert.DoesNotContain(target, c => c is < '!' or > '~');
    }
}
