using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>Redirects: followed where that is asked for, within bounds, and without the credentials of another server (row V27 of the attack
/// catalogue).</summary>
public sealed class RedirectTests
{
    private const string Open =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";

    private static readonly WebSocketClientOptions Following = new() { MaxRedirects = 10, PerMessageDeflate = null };

    [Fact]
    public async Task Redirect_is_a_refusal_where_nobody_has_asked_to_follow()
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(To("/other"));

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(server.Uri).Soon());

        await answering;
        Assert.Equal((HandshakeFailure.Status, 302, "/other"), (thrown.Cause, thrown.StatusCode, thrown.Headers?["Location"]));
    }

    [Theory]
    [InlineData(301, "/b/c?d=e", "/b/c?d=e")]
    [InlineData(302, "b", "/a/b")]
    [InlineData(303, "?q", "/a/x?q")]
    [InlineData(307, "../b", "/b")]
    [InlineData(308, "//127.0.0.1:{port}/b", "/b")]
    [InlineData(302, "http://127.0.0.1:{port}/b", "/b")]
    [InlineData(302, "ws://127.0.0.1:{port}", "/")]
    public async Task Location_is_followed_relative_to_the_address(int status, string location, string target)
    {
        using var server = new RawServer();
        Task serving = ServeAsync();
        List<WebSocketRedirectEventArgs> hops = [];
        WebSocketClientOptions options = Following with
        {
            RedirectCallback = (hop, _) =>
            {
                hops.Add(hop);
                return default;
            },
        };

        WebSocketConnection client = await WebSocketClient.ConnectAsync(server.Uri + "a/x?y", options).Soon();

        await serving;
        Assert.StartsWith($"GET {target} HTTP/1.1\r\n", server.Request, StringComparison.Ordinal);
        WebSocketRedirectEventArgs hop = Assert.Single(hops);
        Assert.Equal((server.Uri + "a/x?y", server.Uri[..^1] + target, status), (hop.From.ToString(), hop.To.ToString(), hop.StatusCode));
        Assert.Equal("yes", hop.Headers["X-Hop"]);
        client.Abort();

        async Task ServeAsync()
        {
            string to = location.Replace("{port}", $"{server.Port}", StringComparison.Ordinal);
            await server.AnswerAsync($"HTTP/1.1 {status} There\r\nLocation: {to}\r\nX-Hop: yes\r\nContent-Length: 0\r\n\r\n");
            await server.AnswerAsync(Open);
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 300 Choose\r\nLocation: /b\r\nContent-Length: 3\r\n\r\nwhy", "300 Choose instead of switching")]
    [InlineData("HTTP/1.1 304 Same\r\nLocation: /b\r\n\r\n", "304 Same instead of switching")]
    [InlineData("HTTP/1.1 302 Where\r\nContent-Length: 3\r\n\r\nwhy", "302 Where instead of switching")]
    [InlineData("HTTP/1.1 302 There\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 3\r\n\r\nwhy", "scheme")]
    [InlineData("HTTP/1.1 302 There\r\nLocation: /a#b\r\nContent-Length: 3\r\n\r\nwhy", "fragment")]
    [InlineData("HTTP/1.1 302 There\r\nLocation: /a#\r\nContent-Length: 3\r\n\r\nwhy", "fragment")]
    [InlineData("HTTP/1.1 302 There\r\nLocation: http://\r\nContent-Length: 3\r\n\r\nwhy", "leads to")]
    [InlineData("HTTP/1.1 302 There\r\nLocation: ws+unix:/run/docker.sock:/\r\nContent-Length: 3\r\n\r\nwhy", "Unix domain socket")]
    [InlineData("HTTP/1.1 302 There\r\nLocation: file:///etc/passwd\r\nContent-Length: 3\r\n\r\nwhy", "scheme")]
    [InlineData("HTTP/1.1 302 There\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 3\r\n\r\nwhy", "several")]
    public async Task Redirect_that_leads_nowhere_is_a_refusal_with_its_status_and_its_body(string answer, string message)
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(answer);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(server.Uri, Following).Soon());

        await answering;
        Assert.Equal((HandshakeFailure.Status, answer[9..12]), (thrown.Cause, $"{thrown.StatusCode}"));
        Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
        Assert.Equal(answer.EndsWith("why", StringComparison.Ordinal) ? "why" : "", Encoding.ASCII.GetString(thrown.Body.Span));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(10)]
    public async Task Redirects_without_end_are_followed_as_often_as_is_allowed(int most)
    {
        using var server = new RawServer();
        int requests = 0;
        Task serving = ServeAsync();

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync(server.Uri, Following with { MaxRedirects = most }).Soon());

        await serving;
        Assert.Equal(most + 1, requests);
        Assert.Equal((HandshakeFailure.Status, 302), (thrown.Cause, thrown.StatusCode));
        Assert.Contains($"MaxRedirects allows {most}", thrown.Message, StringComparison.Ordinal);

        async Task ServeAsync()
        {
            for (; requests <= most; requests++)
                await server.AnswerAsync(To($"/{requests}"));
        }
    }

    public static TheoryData<string, string, bool> Servers => new()
    {
        { "127.0.0.1", "127.0.0.1", true },
        { "127.0.0.1", "localhost", false },
        { "127.0.0.1", "127.0.0.1:other", false },
    };

    // V27
    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Credentials_go_to_the_server_that_they_are_for_alone(string from, string to, bool keeps)
    {
        using var first = new RawServer();
        using var second = new RawServer();
        RawServer last = to.EndsWith(":other", StringComparison.Ordinal) ? second : first;
        Task serving = ServeAsync();
        var cookies = new CookieContainer();
        cookies.Add(new Uri("http://127.0.0.1/"), new Cookie("jar", "1", "/"));
        WebSocketClientOptions options = Following with
        {
            Cookies = cookies,
            Origin = "http://page.example",
            Headers = new()
            {
                { "Cookie", "own=2" }, { "Proxy-Authorization", "Basic x" }, { "Host", "virtual.example" }, { "X-Plain", "kept" },
            },
        };

        (await WebSocketClient.ConnectAsync($"ws://me:secret@{from}:{first.Port}/", options).Soon()).Abort();

        await serving;
        string[] lines = last.Request.Split("\r\n");
        Assert.Contains("X-Plain: kept", lines);
        Assert.Contains("Origin: http://page.example", lines);
        Assert.Equal(keeps, lines.Contains("Authorization: Basic " + Convert.ToBase64String("me:secret"u8)));
        Assert.Equal(keeps, lines.Contains("Proxy-Authorization: Basic x"));
        Assert.Equal(keeps, lines.Contains("Host: virtual.example"));
        Assert.Equal(keeps, last.Request.Contains("own=2", StringComparison.Ordinal));
        // The jar knows itself what is for whom; ports are nothing to it.
        Assert.Equal(to.StartsWith(from, StringComparison.Ordinal), last.Request.Contains("jar=1", StringComparison.Ordinal));
        Assert.Equal(to.StartsWith(from, StringComparison.Ordinal), last.Request.Contains("hop=3", StringComparison.Ordinal));

        async Task ServeAsync()
        {
            string host = to.Split(':')[0];
            await first.AnswerAsync(
                $"HTTP/1.1 302 There\r\nLocation: http://{host}:{last.Port}/next\r\nSet-Cookie: hop=3\r\nContent-Length: 0\r\n\r\n");
            Assert.Contains("\r\nAuthorization: Basic ", first.Request, StringComparison.Ordinal);
            await last.AnswerAsync(Open);
        }
    }

    // V27: where it is not certain, it is another one.
    [Theory]
    [InlineData("ws://h.example/a", "ws://H.EXAMPLE:80/b", true)]
    [InlineData("ws://h.example", "wss://h.example", true)]
    [InlineData("ws://h.example:80", "wss://h.example", true)]
    [InlineData("ws://h.example:8080", "wss://h.example:8080", true)]
    [InlineData("ws://h.example:443", "wss://h.example", false)]
    [InlineData("ws://h.example", "wss://h.example:80", false)]
    [InlineData("ws://h.example", "wss://h.example:8443", false)]
    [InlineData("ws://h.example", "ws://www.h.example", false)]
    [InlineData("ws+unix:/run/a.sock:/", "ws://localhost/", false)]
    public void Server_is_the_same_where_Host_says_so(string one, string other, bool expected) =>
        Assert.Equal(expected, Redirects.IsSameServer(WebSocketUri.Parse(one), WebSocketUri.Parse(other)));

    // V27
    [Fact]
    public async Task Server_under_TLS_that_leads_out_of_it_is_not_followed()
    {
        await using ServerTest test = await RedirectingAsync("ws://localhost:1/", isSecure: true);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(
            UriOf(test, "wss"), Following with { Tls = TestCertificates.Trusting() }).Soon());

        Assert.Equal((HandshakeFailure.Status, 302), (thrown.Cause, thrown.StatusCode));
        Assert.Contains("which would give up TLS", thrown.Message, StringComparison.Ordinal);
        Assert.Equal("why", Encoding.UTF8.GetString(thrown.Body.Span));
    }

    // V27: what proves who the client is, and whom it expects, is for the first server alone.
    [Theory]
    [InlineData("localhost", true, "context")]
    [InlineData("127.0.0.1", false, "context")]
    [InlineData("localhost", true, "collection")]
    [InlineData("127.0.0.1", false, "collection")]
    [InlineData("localhost", true, "callback")]
    [InlineData("127.0.0.1", false, "callback")]
    public async Task Certificate_of_the_client_goes_to_the_server_that_it_is_for_alone(string host, bool keeps, string set)
    {
        List<string?> seen = [];
        using X509Certificate2 own = TestCertificates.For("client.example");
        var serving = new SslServerAuthenticationOptions
        {
            ServerCertificate = TestCertificates.Server,
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, certificate, _, _) =>
            {
                seen.Add(certificate?.Subject);
                return seen.Count > 0;
            },
        };
        await using var test = new ServerTest(options => options with { Tls = serving });
        _ = Task.Run(async () =>
        {
            await foreach (UpgradeRequest request in test.Server.UpgradeRequestsAsync())
            {
                if (request.Path == "/there")
                    (await request.AcceptAsync()).Abort();
                else
                    await request.RejectAsync(302, new() { { "Location", UriOf(test, "wss", host) + "there" } });
            }
        });
        await test.Server.Listening;
        SslClientAuthenticationOptions tls = TestCertificates.Trusting();
        if (set == "context")
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(own, null, offline: true);
        else if (set == "collection")
            tls.ClientCertificates = [own];
        else
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => own;
        tls.TargetHost = "localhost";
        tls.AllowTlsResume = false;

        (await WebSocketClient.ConnectAsync(UriOf(test, "wss"), Following with { Tls = tls }).Soon()).Abort();

        Assert.Equal(["CN=client.example", keeps ? "CN=client.example" : null], seen);
    }

    [Fact]
    public async Task Server_may_lead_into_TLS()
    {
        await using ServerTest secure = await ServerTest.EchoAsync(options => options with { Tls = TestCertificates.Serving(TestCertificates.Server) });
        await using ServerTest plain = await RedirectingAsync(UriOf(secure, "https"));

        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(
            UriOf(plain, "ws"), Following with { Tls = TestCertificates.Trusting() }).Soon();

        Assert.True(client.IsSecure);
    }

    [Theory]
    [InlineData("there", "/here/there")]
    [InlineData("/there", "/there")]
    [InlineData("?q=1", "/here/a?q=1")]
    [InlineData("./there:b", "/here/there:b")]
    [InlineData("/there?at=a:b", "/there?at=a:b")]
    [InlineData("../there?next=http://example.invalid/", "/there?next=http://example.invalid/")]
    [InlineData("//localhost:{port}/there", null)]
    [InlineData("http://localhost:{port}/there", null)]
    public async Task Unix_domain_socket_is_kept_for_locations_that_are_paths_and_given_up_for_others(string location, string? target)
    {
        string path = Path.Combine(Path.GetTempPath(), $"sockeye {Guid.NewGuid():N}.sock");
        await using ServerTest elsewhere = await ServerTest.EchoAsync();
        string there = $"localhost:{((IPEndPoint)elsewhere.Server.EndPoints[0]).Port}";
        await using var test = new ServerTest(options => options with { Port = null, EndPoints = [new UnixDomainSocketEndPoint(path)] });
        bool hasLed = false;
        _ = Task.Run(async () =>
        {
            await foreach (UpgradeRequest request in test.Server.UpgradeRequestsAsync())
            {
                if (hasLed)
                    (await request.AcceptAsync()).Abort();
                else
                    await request.RejectAsync(302, new() { { "Location", location.Replace("localhost:{port}", there, StringComparison.Ordinal) } });
                hasLed = true;
            }
        });
        await test.Server.Listening;
        List<string> seen = [];
        WebSocketClientOptions options = Following with
        {
            RequestCallback = (request, _) =>
            {
                seen.Add(request.Uri.AbsoluteUri);
                return default;
            },
            RedirectCallback = (hop, _) =>
            {
                seen.Add(hop.To.AbsoluteUri);
                return default;
            },
        };
        string socket = $"ws+unix:{path.Replace(" ", "%20", StringComparison.Ordinal)}:";

        WebSocketConnection client = await WebSocketClient.ConnectAsync(socket + "/here/a", options).Soon();

        Assert.Equal((target ?? "/there", target is null ? there : "localhost"), (client.Request?.Target, client.Request?.Headers["Host"]));
        string to = target is null ? $"ws://{there}/there" : socket + target;
        Assert.Equal([socket + "/here/a", to, to], seen);
        client.Abort();
    }

    [Theory]
    [InlineData("there#part", "fragment")]
    [InlineData("/there#", "fragment")]
    [InlineData("ws+unix:/run/docker.sock:/", "Unix domain socket")]
    public async Task Unix_domain_socket_leads_to_no_other_and_to_no_fragment(string location, string message)
    {
        string path = Path.Combine(Path.GetTempPath(), $"sockeye{Guid.NewGuid():N}.sock");
        await using ServerTest test = await RedirectingAsync(location, endPoint: new UnixDomainSocketEndPoint(path));

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync($"ws+unix:{path}:/here", Following).Soon());

        Assert.Equal((302, "why"), (thrown.StatusCode, Encoding.UTF8.GetString(thrown.Body.Span)));
        Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_hop_has_the_whole_timeout_and_no_more()
    {
        var time = new TimerSignals();
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(
            server.Uri, Following with { Connection = new() { TimeProvider = time } });
        for (int hop = 0; hop < 3; hop++)
        {
            await server.AcceptAsync();
            time.Manual.Advance(TimeSpan.FromSeconds(9));
            await server.SendAsync(To("/next"));
        }

        await server.AcceptAsync();
        time.Manual.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(HandshakeFailure.Timeout, (await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon())).Cause);
    }

    [Fact]
    public async Task RequestCallback_sees_each_hop_and_RedirectCallback_may_stop()
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(To("/next"));
        List<string> seen = [];
        WebSocketClientOptions options = Following with
        {
            RequestCallback = (request, _) =>
            {
                seen.Add(request.Uri.AbsolutePath);
                return default;
            },
            RedirectCallback = (_, _) => seen.Count > 1 ? throw new KeyNotFoundException() : default,
        };
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri, options);
        await answering;
        await server.AnswerAsync(To("/last"));

        await Assert.ThrowsAsync<KeyNotFoundException>(() => connecting.Soon());
        Assert.Equal(["/", "/next"], seen);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(11)]
    public void MaxRedirects_out_of_range_throws_where_it_is_set(int value) =>
        Assert.Throws<ArgumentOutOfRangeException>("MaxRedirects", () => new WebSocketClientOptions { MaxRedirects = value });

    private static string To(string location) => $"HTTP/1.1 302 There\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n";

    private static string UriOf(ServerTest test, string scheme, string host = "localhost") =>
        $"{scheme}://{host}:{((IPEndPoint)test.Server.EndPoints[0]).Port}/";

    private static async Task<ServerTest> RedirectingAsync(string location, bool isSecure = false, UnixDomainSocketEndPoint? endPoint = null)
    {
        var test = new ServerTest(options => options with
        {
            Tls = isSecure ? TestCertificates.Serving(TestCertificates.Server) : options.Tls,
            Port = endPoint is null ? options.Port : null,
            EndPoints = endPoint is null ? options.EndPoints : [endPoint],
        });
        _ = Task.Run(async () =>
        {
            await foreach (UpgradeRequest request in test.Server.UpgradeRequestsAsync())
                await request.RejectAsync(302, new() { { "Location", location } }, "why");
        });
        await test.Server.Listening;
        return test;
    }
}
