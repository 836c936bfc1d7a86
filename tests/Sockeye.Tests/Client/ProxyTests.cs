using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports;

namespace Sockeye.Tests.Client;

/// <summary>The way through a proxy: what is asked of it, byte by byte, and what becomes of its refusals.</summary>
public sealed class ProxyTests
{
    private const string Established = "HTTP/1.1 200 Connection established\r\n\r\n";

    [Theory]
    [InlineData("http", "ws")]
    [InlineData("http", "wss")]
    [InlineData("https", "ws")]
    [InlineData("https", "wss")]
    public async Task Http_proxy_tunnels_by_CONNECT(string proxyScheme, string scheme)
    {
        await using ServerTest test = await ServerTest.EchoAsync(
            options => scheme == "wss" ? options with { Tls = TestCertificates.Serving(TestCertificates.Server) } : options);
        using var proxy = new FakeProxy(proxyScheme == "https");
        int port = ((IPEndPoint)test.Server.EndPoints[0]).Port;
        Task<string> proxying = proxy.TunnelAsync(test.Server.EndPoints[0], Established);

        WebSocketConnection client = await WebSocketClient.ConnectAsync(
            $"{scheme}://localhost:{port}/", Through($"{proxyScheme}://us%40er:p%3Aw@localhost:{proxy.Port}")).Soon();

        await client.SendTextAsync("through");
        Assert.Equal("through", (await client.ReceiveAsync().Soon()).GetText());
        Assert.True((await client.CloseAsync().Soon()).IsClean);
        Assert.Equal(scheme == "wss" || proxyScheme == "https", client.IsSecure);
        Assert.Equal(
            $"CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\nProxy-Authorization: Basic {Convert.ToBase64String("us@er:p:w"u8)}\r\n\r\n",
            await proxying.Soon());
    }

    [Theory]
    [InlineData("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\nno", 407, "no", "it wants credentials")]
    [InlineData("HTTP/1.1 403 Forbidden\r\n\r\nnot there", 403, "not there", "403 Forbidden instead of connecting to example.invalid:80")]
    [InlineData("HTTP/1.0 502 Bad Gateway\r\n\r\n", 502, "", "502 Bad Gateway")]
    [InlineData("HTTP/1.1 301 Gone\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n", 301, "", "301 Gone")]
    [InlineData(Established + "early", null, "", "sent more than its answer")]
    [InlineData("HTTP/1.1 200", null, "", "ended the connection before it led to example.invalid:80")]
    [InlineData("", null, "", "ended the connection")]
    [InlineData("\u0005\u0001 nonsense\r\n\r\n", null, "", "broke the rules of HTTP")]
    public async Task Http_proxy_that_refuses_tells_all_it_said(string answer, int? status, string body, string message)
    {
        using var proxy = new FakeProxy();
        Task answering = proxy.AnswerAsync(answer);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync("ws://example.invalid/", Through($"http://localhost:{proxy.Port}") with { MaxRedirects = 10 }).Soon());

        await answering.Soon();
        Assert.Equal((HandshakeFailure.Proxy, status), (thrown.Cause, thrown.StatusCode));
        Assert.Equal(body, Encoding.ASCII.GetString(thrown.Body.Span));
        Assert.StartsWith($"The proxy http://localhost:{proxy.Port} ", thrown.Message, StringComparison.Ordinal);
        Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http", "HTTP/1.1 407 No\r\n\r\n", "does not accept these credentials")]
    [InlineData("socks5", "\u0005\u0002\u0001\u0001", "does not accept these credentials")]
    public async Task Proxy_that_does_not_accept_the_credentials_says_so_and_the_message_does_not_hold_them(string scheme, string answer, string message)
    {
        using var proxy = new FakeProxy();
        Task answering = proxy.AnswerAsync(answer);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync("ws://example.invalid/", Through($"{scheme}://me:secret@localhost:{proxy.Port}")).Soon());

        await answering.Soon();
        Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", thrown.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("socks5", "ws://example.invalid/", "050100|050001000000000000", "050100 05010003" + "0F6578616D706C652E696E76616C6964" + "0050")]
    [InlineData("socks5h", "ws://example.invalid/", "050100|050001000000000000", "050100 05010003" + "0F6578616D706C652E696E76616C6964" + "0050")]
    [InlineData("socks5", "ws://192.0.2.7:258/", "0500|0500000400000000000000000000000000000000AAAA", "050100 05010001C00002070102")]
    [InlineData("socks5", "ws://[2001:db8::9]/", "0500|0500000302AABB0001", "050100 0501000420010DB80000000000000000000000090050")]
    [InlineData("socks5", "ws://192.0.2.7:258/", "0500|0500000302AABB0001", "05020002 05010001C00002070102", "a:b@")]
    [InlineData("socks5", "ws://192.0.2.7:258/", "0502|0100|0500000302AABB0001", "05020002 010161026263 05010001C00002070102", "a:bc@")]
    [InlineData("socks4a", "ws://example.invalid/", "005A000000000000", "04010050000000016D6500" + "6578616D706C652E696E76616C696400", "me:ignored@")]
    [InlineData("socks4a", "ws://192.0.2.7:258/", "005AFFFFFFFFFFFF", "04010102C000020700")]
    [InlineData("socks4", "ws://192.0.2.7:258/", "005AFFFFFFFFFFFF", "04010102C000020700")]
    [InlineData("socks4", "ws://localhost:258/", "005AFFFFFFFFFFFF", "040101027F0000016D6500", "me@")]
    public async Task Socks_proxy_is_asked_in_its_language(string scheme, string uri, string replies, string asked, string credentials = "")
    {
        if (replies.StartsWith("0501", StringComparison.Ordinal))
            replies = "0500|05000001000000000000";
        using var proxy = new FakeProxy();
        var expected = asked.Split(' ').Select(Convert.FromHexString).ToArray();
        Task proxying = PlayAsync();
        using var cancel = new CancellationTokenSource();

        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(uri, Through($"{scheme}://{credentials}localhost:{proxy.Port}"), cancel.Token);

        await proxying.Soon();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.Soon());

        async Task PlayAsync()
        {
            Stream stream = await proxy.AcceptAsync();
            string[] answers = replies.Split('|');
            for (int i = 0; i < expected.Length; i++)
            {
                byte[] received = new byte[expected[i].Length];
                await stream.ReadExactlyAsync(received);
                Assert.Equal(Convert.ToHexString(expected[i]), Convert.ToHexString(received));
                foreach (byte b in Convert.FromHexString(answers[i]))
                    await stream.WriteAsync(new byte[] { b });
            }

            // What follows is the request to upgrade.
            byte[] get = new byte[4];
            await stream.ReadExactlyAsync(get);
            Assert.Equal("GET "u8.ToArray(), get);
        }
    }

    [Theory]
    [InlineData("socks5", "05FF", "wants credentials")]
    [InlineData("socks5", "0502", "wants credentials")]
    [InlineData("socks5", "0400", "does not speak SOCKS 5")]
    [InlineData("socks5", "485454502F", "does not speak SOCKS 5")]
    [InlineData("socks5", "05000502000100", "its rules forbid it")]
    [InlineData("socks5", "05000505000100", "nothing listens there")]
    [InlineData("socks5", "0500050400010000", "the host cannot be reached")]
    [InlineData("socks5", "050005AA00010000", "it answered 170")]
    [InlineData("socks5", "05000500000900", "an address of an unknown kind")]
    [InlineData("socks5", "050005000001", "ended the connection")]
    [InlineData("socks5", "05", "ended the connection")]
    [InlineData("socks4a", "005B000000000000", "it refused, or could not reach it")]
    [InlineData("socks4a", "045A000000000000", "does not speak SOCKS 4")]
    [InlineData("socks4a", "005A", "ended the connection")]
    public async Task Socks_proxy_that_refuses_is_told_in_words(string scheme, string answer, string message)
    {
        using var proxy = new FakeProxy();
        Task answering = proxy.AnswerAsync(Encoding.Latin1.GetString(Convert.FromHexString(answer)));

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync("ws://example.invalid/", Through($"{scheme}://localhost:{proxy.Port}")).Soon());

        await answering.Soon();
        Assert.Equal(HandshakeFailure.Proxy, thrown.Cause);
        Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Socks_4_cannot_lead_to_IPv6()
    {
        using var proxy = new FakeProxy();
        Task<Stream> accepting = proxy.AcceptAsync();

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync("ws://[2001:db8::9]/", Through($"socks4://localhost:{proxy.Port}")).Soon());

        await (await accepting).DisposeAsync();
        Assert.Equal(HandshakeFailure.Proxy, thrown.Cause);
        Assert.Contains("leads to IPv4 alone", thrown.Message, StringComparison.Ordinal);
    }

    // What HttpClient.DefaultProxy makes of ALL_PROXY=socks5h://localhost:1080.
    [Theory]
    [InlineData("")]
    [InlineData("\u0005\u00FF\r\n\r\n")]
    public async Task Socks_proxy_that_is_taken_for_one_of_HTTP_is_suspected(string answer)
    {
        using var proxy = new FakeProxy();
        Task answering = proxy.AnswerAsync(answer);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync("ws://example.invalid/", Through($"http://localhost:{proxy.Port}")).Soon());

        await answering.Soon();
        Assert.EndsWith("Is it a SOCKS proxy? Then its address begins with socks5://, not socks5h:// or http://.", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("IsBypassed", "which proxy to use")]
    [InlineData("GetProxy", "which proxy to use")]
    [InlineData("Credentials", "the credentials for http://proxy.invalid:8080")]
    [InlineData("GetCredential", "the credentials for http://proxy.invalid:8080")]
    public async Task Proxy_of_the_application_that_throws_is_a_failure_of_the_proxy(string where, string what)
    {
        var broken = new BrokenProxy(where);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync("ws://example.invalid/", new() { Proxy = broken }).Soon());

        Assert.Equal(HandshakeFailure.Proxy, thrown.Cause);
        Assert.IsType<InvalidDataException>(thrown.InnerException);
        Assert.Equal($"Proxy could not tell {what} ({typeof(BrokenProxy)}): {where} is broken", thrown.Message);
    }

    [Theory]
    [InlineData("ftp://localhost:1", "is of a kind that is not known")]
    [InlineData("socks6://localhost:1", "use http, https, socks5, socks4a or socks4")]
    [InlineData("/proxy", "'/proxy' is no absolute address: write http://host:port")]
    [InlineData("http://nobody.invalid:1", "cannot be reached: The host nobody.invalid has no address")]
    [InlineData("socks5://127.0.0.1:1", "cannot be reached: Cannot connect to 127.0.0.1 port 1: nothing listens there.")]
    public async Task Proxy_that_cannot_be_used_is_told(string address, string message)
    {
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync("ws://example.invalid/", Through(address)).WaitAsync(TimeSpan.FromMinutes(1)));

        Assert.Equal(HandshakeFailure.Proxy, thrown.Cause);
        Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proxy_whose_certificate_is_not_trusted_is_told()
    {
        using var proxy = new FakeProxy(isSecure: true);
        Task answering = proxy.AnswerAsync(Established);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(
            "ws://example.invalid/", Through($"https://localhost:{proxy.Port}") with { Tls = null }).Soon());

        await answering.ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.Equal((HandshakeFailure.Proxy, SslPolicyErrors.RemoteCertificateChainErrors), (thrown.Cause, thrown.CertificateErrors));
        var attempt = new ConnectAttempt { Uri = new Uri("ws://example.invalid/"), Options = WebSocketClientOptions.Default };
        Assert.True(new ReconnectFailure { Attempt = attempt, Exception = thrown }.IsFatal);
    }

    [Theory]
    [InlineData("http", "")]
    [InlineData("http", "HTTP/1.1 200 OK\r\n")]
    [InlineData("socks5", "")]
    [InlineData("socks5", "\u0005")]
    [InlineData("socks4a", "\0")]
    public async Task Proxy_that_does_not_answer_is_left_at_the_deadline(string scheme, string answer)
    {
        var time = new TimerSignals();
        using var proxy = new FakeProxy();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(
            "ws://example.invalid/", Through($"{scheme}://localhost:{proxy.Port}") with { Connection = new() { TimeProvider = time } });
        Stream stream = await proxy.AcceptAsync();
        await stream.ReadExactlyAsync(new byte[3]);
        await stream.WriteAsync(Encoding.Latin1.GetBytes(answer));

        time.Manual.Advance(TimeSpan.FromSeconds(10));

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());
        Assert.Equal(HandshakeFailure.Timeout, thrown.Cause);
        Assert.Contains($"waiting for the answer of the proxy {scheme}://localhost:{proxy.Port}", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proxy_is_chosen_by_the_address_and_bypassed_where_it_says_so()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var proxy = new WebProxy("http://127.0.0.1:1") { BypassList = ["localhost"] };
        int port = ((IPEndPoint)test.Server.EndPoints[0]).Port;

        (await WebSocketClient.ConnectAsync($"ws://localhost:{port}/", new() { Proxy = proxy }).Soon()).Abort();
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync($"ws://127.0.0.1:{port}/", new() { Proxy = proxy }).Soon());

        Assert.Equal(HandshakeFailure.Proxy, thrown.Cause);
    }

    [Fact]
    public async Task Proxy_with_credentials_of_its_own_is_given_them()
    {
        using var proxy = new FakeProxy();
        Task<string> answering = proxy.AnswerAsync("HTTP/1.1 403 No\r\n\r\n");
        var web = new WebProxy($"http://localhost:{proxy.Port}") { Credentials = new NetworkCredential("name", "word") };

        await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync("ws://example.invalid/", new() { Proxy = web }).Soon());

        Assert.Contains($"Basic {Convert.ToBase64String("name:word"u8)}\r\n", await answering.Soon(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proxy_is_reached_by_the_callback_of_the_user_where_there_is_one()
    {
        using var proxy = new FakeProxy();
        Task answering = proxy.AnswerAsync("HTTP/1.1 403 No\r\n\r\n");
        WebSocketConnectContext? asked = null;
        WebSocketClientOptions options = Through("http://proxy.invalid:8080") with
        {
            ConnectCallback = async (context, cancel) =>
            {
                asked = context;
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, proxy.Port, cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };

        await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync("ws://example.invalid/", options).Soon());

        await answering.Soon();
        Assert.Equal((new DnsEndPoint("proxy.invalid", 8080), "ws://example.invalid/"), (asked?.EndPoint, asked?.Uri.ToString()));
    }

    [Theory]
    [InlineData("socks5")]
    [InlineData("socks4a")]
    public async Task Proxy_cannot_be_given_credentials_that_do_not_fit(string scheme)
    {
        using var proxy = new FakeProxy();
        Task answering = proxy.AnswerAsync("\u0005\u0002");

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(
            "ws://example.invalid/", Through($"{scheme}://{new string('a', 256)}:b@localhost:{proxy.Port}")).Soon());

        await answering.ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.Equal(HandshakeFailure.Proxy, thrown.Cause);
        Assert.Contains("255 bytes", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proxy_that_fails_leaves_no_memory_behind()
    {
        var pool = new CountingPool();
        var buffers = new BufferPool(pool);
        foreach (string answer in (string[])["", "rubbish\r\n\r\n", "HTTP/1.1 403 No\r\n\r\nbody", Established + "early", Established])
        {
            using var proxy = new FakeProxy();
            Task answering = proxy.AnswerAsync(answer);
            await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(
                "ws://example.invalid/", Through($"http://localhost:{proxy.Port}") with { Connection = new() { Buffers = buffers } }).Soon());
            await answering.Soon();
        }

        await Settle.UntilAsync(() => pool.Outstanding == 0 && buffers.SlabsHeld == 0, () => string.Join("\n\n", pool.Traces));
    }

    private static WebSocketClientOptions Through(string proxy) =>
        new() { Proxy = new FixedProxy(new Uri(proxy, UriKind.RelativeOrAbsolute)), Tls = TestCertificates.Trusting() };

    /// <summary>Names one proxy for all, with the user information that <see cref="WebProxy"/> would keep as well.</summary>
    private sealed class FixedProxy(Uri address) : IWebProxy
    {
        public ICredentials? Credentials { get; set; }

        public Uri GetProxy(Uri destination) => address;

        public bool IsBypassed(Uri host) => false;
    }

    private sealed class BrokenProxy(string where) : IWebProxy, ICredentials
    {
        public ICredentials? Credentials
        {
            get => Unless<ICredentials>("Credentials", this);
            set => throw new NotSupportedException();
        }

        public Uri GetProxy(Uri destination) => Unless("GetProxy", new Uri("http://proxy.invalid:8080"));

        public bool IsBypassed(Uri host) => Unless("IsBypassed", false);

        public NetworkCredential? GetCredential(Uri uri, string authType) => Unless<NetworkCredential?>("GetCredential", null);

        private T Unless<T>(string here, T value) => here != where ? value : throw new InvalidDataException($"{where} is broken");
    }
}
