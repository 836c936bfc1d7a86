namespace Sockeye.Protocol.Tests.Handshake;

public sealed class RequestHeadTests
{
    [Fact]
    public void TryParse_of_a_valid_head_gives_its_parts()
    {
        RequestHead request = Heads.Parse("GET /chat/a%20b?x=1&y=%C3%A9+z HTTP/1.1\r\nHost: example.com\r\nX-A:1\r\nx-a: \t2 \t\r\nEmpty:\r\n\r\n");

        Assert.Equal("GET", request.Method);
        Assert.Equal("/chat/a%20b?x=1&y=%C3%A9+z", request.Target);
        Assert.Equal("/chat/a%20b", request.Path);
        Assert.Equal("x=1&y=%C3%A9+z", request.Query);
        Assert.Equal(1, request.MinorVersion);
        Assert.Equal("1, 2", request.Headers["X-a"]);
        Assert.Equal("", request.Headers["empty"]);
        Assert.Null(request.Headers["absent"]);
        Assert.Equal(4, request.Headers.Count);
    }

    [Theory]
    [InlineData("Host", "websocket")]
    [InlineData("hOST", "WebSocket")]
    [InlineData("Hosts", "websocket ")]
    [InlineData("Sec-WebSocket-Key", "13")]
    [InlineData("sec-websocket-key", "31")]
    [InlineData("X-A", "keep-alive, Upgrad\u00e9")]
    public void Names_and_values_are_as_they_came_also_where_they_resemble_those_of_most_heads(string name, string value)
    {
        RequestHead request = Heads.Parse($"get /x HTTP/1.1\r\n{name}: {value}\r\n\r\n");

        Assert.Equal(("get", "/x"), (request.Method, request.Target));
        Assert.Equal([KeyValuePair.Create(name, value.Trim())], request.Headers);
    }

    [Theory]
    [InlineData("/", "/", "")]
    [InlineData("/?", "/", "")]
    [InlineData("/?a=b?c", "/", "a=b?c")]
    [InlineData("//host/x", "//host/x", "")]
    [InlineData("http://example.com", "/", "")]
    [InlineData("HTTP://example.com/x?y", "/x", "y")]
    [InlineData("https://example.com?y/z", "/", "y/z")]
    [InlineData("*", "", "")]
    [InlineData("example.com:80", "", "")]
    [InlineData("ftp://example.com/", "", "")]
    public void Target_of_each_form_splits_into_path_and_query(string target, string path, string query)
    {
        var request = new RequestHead("GET", target, []);

        Assert.Equal((path, query), (request.Path, request.Query));
    }

    [Theory]
    [InlineData("a=1&b=2", "a", "1")]
    [InlineData("a=1&b=2", "b", "2")]
    [InlineData("a=1&a=2", "a", "1")]
    [InlineData("a=1", "A", null)]
    [InlineData("ab=1", "a", null)]
    [InlineData("", "", null)]
    [InlineData("a", "a", "")]
    [InlineData("a=", "a", "")]
    [InlineData("a=b=c", "a", "b=c")]
    [InlineData("&&a=1&", "a", "1")]
    [InlineData("a=%20x+y%2B", "a", " x y+")]
    [InlineData("access%54oken=x", "accessToken", "x")]
    [InlineData("a=%C3%A9", "a", "\u00E9")]
    [InlineData("a=100%", "a", "100%")]
    [InlineData("a=%zz%4", "a", "%zz%4")]
    public void GetQueryValue_decodes_the_first_value(string query, string name, string? expected)
    {
        var request = new RequestHead("GET", "/?" + query, []);

        Assert.Equal(expected, request.GetQueryValue(name));
    }

    [Theory]
    [InlineData("a=1; b=2", "a", "1")]
    [InlineData("a=1; b=2", "b", "2")]
    [InlineData("a=1;b=2", "b", "2")]
    [InlineData("a=1; a=2", "a", "1")]
    [InlineData("a=1", "A", null)]
    [InlineData("ab=1", "a", null)]
    [InlineData("ba=1", "a", null)]
    [InlineData("", "", null)]
    [InlineData("a", "a", null)]
    [InlineData("a=", "a", "")]
    [InlineData("=1", "", "1")]
    [InlineData("a=b=c", "a", "b=c")]
    [InlineData(";; a=1 ;", "a", "1")]
    [InlineData("b=x a=1; a=2", "a", "2")]
    [InlineData("a=\"%20\"", "a", "\"%20\"")]
    public void GetCookie_finds_the_first_value_as_it_was_sent(string cookies, string name, string? expected)
    {
        var request = new RequestHead("GET", "/", new() { { "Cookie", cookies } });

        Assert.Equal(expected, request.GetCookie(name));
    }

    [Fact]
    public void GetCookie_looks_in_every_header()
    {
        var request = new RequestHead("GET", "/", new() { { "cookie", "a=1" }, { "X-Cookie", "b=0" }, { "cookie", "b=2" } });

        Assert.Equal("2", request.GetCookie("b"));
        Assert.Null(new RequestHead("GET", "/", []).GetCookie("b"));
    }

    // V23 and V25: what differs from the grammar is refused, not guessed at.
    public static TheoryData<string, HandshakeRule> Malformed => new()
    {
        { "", HandshakeRule.HeadMustBeWhole },
        { "GET / HTTP/1.1", HandshakeRule.HeadMustBeWhole },
        { "GET / HTTP/1.1\r", HandshakeRule.HeadMustBeWhole },
        { "GET / HTTP/1.1\r\n", HandshakeRule.HeadMustBeWhole },
        { "GET / HTTP/1.1\r\nHost: a\r\n", HandshakeRule.HeadMustBeWhole },
        { "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n", HandshakeRule.HeadMustBeWhole },
        { "\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "\r\nGET / HTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET /\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET  HTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { " GET / HTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET  / HTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET /  HTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET\t/\tHTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "G(T / HTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET /a b HTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET /a#b HTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET /\u00E9 HTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET /\0 HTTP/1.1\r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET / HTTP/1.1 \r\n\r\n", HandshakeRule.RequestLineMustBeWellFormed },
        { "GET / HTTP/1.2\r\n\r\n", HandshakeRule.VersionMustBeHttp1 },
        { "GET / HTTP/2.0\r\n\r\n", HandshakeRule.VersionMustBeHttp1 },
        { "GET / HTTP/0.9\r\n\r\n", HandshakeRule.VersionMustBeHttp1 },
        { "GET / http/1.1\r\n\r\n", HandshakeRule.VersionMustBeHttp1 },
        { "GET / HTTP/1.10\r\n\r\n", HandshakeRule.VersionMustBeHttp1 },
        { "GET / HTTP/1.\r\n\r\n", HandshakeRule.VersionMustBeHttp1 },
        { "PRI * HTTP/2.0\r\n\r\n", HandshakeRule.VersionMustBeHttp1 },
        { "GET / HTTP/1.1\nHost: a\r\n\r\n", HandshakeRule.LinesMustEndWithCrLf },
        { "GET / HTTP/1.1\r\nHost: a\n\r\n", HandshakeRule.LinesMustEndWithCrLf },
        { "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", HandshakeRule.LinesMustEndWithCrLf },
        { "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", HandshakeRule.LinesMustEndWithCrLf },
        { "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", HandshakeRule.HeaderMustNotBeFolded },
        { "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", HandshakeRule.HeaderMustNotBeFolded },
        { "GET / HTTP/1.1\r\nHost : a\r\n\r\n", HandshakeRule.HeaderNameMustBeToken },
        { "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", HandshakeRule.HeaderNameMustBeToken },
        { "GET / HTTP/1.1\r\n: a\r\n\r\n", HandshakeRule.HeaderNameMustBeToken },
        { "GET / HTTP/1.1\r\nHost\r\n\r\n", HandshakeRule.HeaderNameMustBeToken },
        { "GET / HTTP/1.1\r\nHo st: a\r\n\r\n", HandshakeRule.HeaderNameMustBeToken },
        { "GET / HTTP/1.1\r\nHo(st: a\r\n\r\n", HandshakeRule.HeaderNameMustBeToken },
        { "GET / HTTP/1.1\r\nH\u00F6st: a\r\n\r\n", HandshakeRule.HeaderNameMustBeToken },
        { "GET / HTTP/1.1\r\nH\0st: a\r\n\r\n", HandshakeRule.HeaderNameMustBeToken },
        { "GET / HTTP/1.1\r\nHost: \0a\r\n\r\n", HandshakeRule.HeadMustHoldNoControls },
        { "GET / HTTP/1.1\r\nHost: a\u001Bb\r\n\r\n", HandshakeRule.HeadMustHoldNoControls },
        { "GET / HTTP/1.1\r\nHost: a\u007F\r\n\r\n", HandshakeRule.HeadMustHoldNoControls },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void TryParse_of_a_malformed_head_names_the_rule(string text, HandshakeRule rule)
    {
        Assert.False(RequestHead.TryParse(Heads.Bytes(text), out RequestHead? request, out HandshakeFault? fault));
        Assert.Null(request);
        Assert.Equal(rule, fault.Rule);
        Assert.Equal(400, fault.StatusCode);
    }

    [Fact]
    public void TryParse_of_every_prefix_of_a_valid_head_is_not_whole()
    {
        byte[] bytes = Heads.Bytes(Heads.Valid);

        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.False(RequestHead.TryParse(bytes.AsSpan(0, length), out _, out HandshakeFault? fault));
            Assert.Equal(HandshakeRule.HeadMustBeWhole, fault.Rule);
        }
    }

    [Fact]
    public void ToBytes_then_TryParse_gives_the_same_head()
    {
        var headers = new HttpHeaders { { "Host", "a" }, { "X-Latin", "\u00E9\u00FF" }, { "x-latin", "b\tc" }, { "Empty", "" } };
        var request = new RequestHead("GET", "/a?b", headers);

        RequestHead parsed = Heads.Parse(System.Text.Encoding.Latin1.GetString(request.ToBytes()));

        Assert.Equal("GET /a?b HTTP/1.1\r\nHost: a\r\nX-Latin: \u00E9\u00FF\r\nx-latin: b\tc\r\nEmpty: \r\n\r\n",
            System.Text.Encoding.Latin1.GetString(request.ToBytes()));
        Assert.Equal(headers, parsed.Headers);
        Assert.Equal(request.ToBytes(), parsed.ToBytes());
    }

    // V26
    [Theory]
    [InlineData("GET / HTTP/1.1\r\nX: y", "/")]
    [InlineData("", "/")]
    [InlineData("G T", "/")]
    [InlineData("GET", "")]
    [InlineData("GET", "/ HTTP/1.1\r\nX: y")]
    [InlineData("GET", "/\n")]
    [InlineData("GET", "/\0")]
    [InlineData("GET", "/a b")]
    [InlineData("GET", "/a#b")]
    [InlineData("GET", "/\u00E9")]
    public void Constructor_refuses_what_breaks_a_request_line(string method, string target) =>
        Assert.Throws<ArgumentException>(() => new RequestHead(method, target, []));
}
