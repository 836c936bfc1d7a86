using System.IO.Pipes;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>The examples of docs/client.md: each stands here between two marks, and is run.</summary>
public sealed class ClientExamplesTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("client.md", Path.Combine("Client", nameof(ClientExamplesTests) + ".cs"), count: 7);

    [Fact]
    public async Task Failures()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        using var server = new RawServer();
        _ = server.AnswerAsync("HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nContent-Length: 5\r\n\r\nlater");

        Assert.Equal("connected", await TryAsync(test.Uri, new(), CancellationToken.None));
        Assert.Equal("503 Busy, 5: later", await TryAsync(server.Uri, new(), CancellationToken.None));
        Assert.StartsWith("Connect: Cannot connect to 127.0.0.1 port 1", await TryAsync("ws://127.0.0.1:1/", new(), CancellationToken.None), StringComparison.Ordinal);

        static async Task<string> TryAsync(string uri, WebSocketClientOptions options, CancellationToken cancel)
        {
            // <example>
            try
            {
                await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(uri, options, cancel);
                return "connected";
            }
            catch (WebSocketHandshakeException e) when (e.Cause == HandshakeFailure.Status)
            {
                return $"{e.StatusCode} {e.ReasonPhrase}, {e.Headers?["Retry-After"]}: {Encoding.UTF8.GetString(e.Body.Span)}";
            }
            catch (WebSocketHandshakeException e)
            {
                return $"{e.Cause}: {e.Message}"; // Dns, Connect, Proxy, Tls, Timeout, Ended, Protocol
            }
            // </example>
        }
    }

    [Fact]
    public async Task Request()
    {
        // <example>
        var cookies = new CookieContainer();
        var options = new WebSocketClientOptions
        {
            Subprotocols = ["v2", "v1"],
            Origin = "https://example.com",
            Headers = new() { { "User-Agent", "example/1.0" } },
            Cookies = cookies,
            RequestCallback = async (request, cancel) => request.Headers.Add("Authorization", $"Bearer {await GetTokenAsync(cancel)}"),
            ResponseCallback = response => Console.WriteLine($"{response.StatusCode} {response.Headers["Server"]}"),
        };
        // </example>
        using var server = new RawServer();
        Task answering = server.AnswerAsync("HTTP/1.1 403 No\r\nServer: raw\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n");
        await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(server.Uri, options).Soon());
        await answering;
        Assert.Contains("\r\nAuthorization: Bearer fresh\r\n", server.Request, StringComparison.Ordinal);
        Assert.Equal(1, cookies.Count);

        static ValueTask<string> GetTokenAsync(CancellationToken cancel) => new(cancel.IsCancellationRequested ? "" : "fresh");
    }

    [Fact]
    public async Task Tls()
    {
        string? seen = null;
        await using ServerTest test = await ServerTest.EchoAsync(server => server with
        {
            Tls = new SslServerAuthenticationOptions
            {
                ServerCertificate = TestCertificates.Server,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                {
                    seen = certificate?.Subject;
                    return certificate is not null;
                },
            },
        });
        using X509Certificate2 own = TestCertificates.For("client.example");
        X509Certificate2 authority = TestCertificates.Trusting().CertificateChainPolicy!.CustomTrustStore[0];
        string uri = $"wss://localhost:{((IPEndPoint)test.Server.EndPoints[0]).Port}/";
        CancellationToken cancel = CancellationToken.None;
        // <example>
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(authority);
        var tls = new SslClientAuthenticationOptions
        {
            CertificateChainPolicy = policy,
            ClientCertificateContext = SslStreamCertificateContext.Create(own, additionalCertificates: null, offline: true),
        };
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(uri, new() { Tls = tls }, cancel);
        // </example>
        Assert.Equal("CN=client.example", seen);
    }

    [Fact]
    public async Task Sockets()
    {
        string pipeName = $"sockeye-{Guid.NewGuid():N}";
        // <example>
        var options = new WebSocketClientOptions
        {
            ConfigureSocket = socket =>
            {
                socket.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // the address of this side
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, optionValue: true);
            },
        };
        var throughPipe = new WebSocketClientOptions
        {
            ConnectCallback = async (context, cancel) =>
            {
                var pipe = new NamedPipeClientStream(".", pipeName, PipeDirection.InOut, PipeOptions.Asynchronous);
                await pipe.ConnectAsync(cancel);
                return pipe;
            },
        };
        // </example>
        await using ServerTest test = await ServerTest.EchoAsync();
        (await WebSocketClient.ConnectAsync(test.Uri, options).Soon()).Abort();
        await using var served = new NamedPipeServerStream(pipeName, PipeDirection.InOut, 1, PipeTransmissionMode.Byte, PipeOptions.Asynchronous);
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync("ws://localhost/", throughPipe);
        await served.WaitForConnectionAsync().Soon();
        await using WebSocketConnection server = await WebSocketUpgrade.AcceptAsync(served).Soon();
        await using WebSocketConnection client = await connecting.Soon();
        await client.SendTextAsync("through a pipe");
        Assert.Equal("through a pipe", (await server.ReceiveAsync().Soon()).GetText());
        client.Abort();
    }

    [Fact]
    public async Task Redirects()
    {
        // <example>
        var options = new WebSocketClientOptions
        {
            MaxRedirects = 5,
            RedirectCallback = (redirect, _) =>
            {
                Console.WriteLine($"{redirect.StatusCode}: from {redirect.From} to {redirect.To}");
                return redirect.To.Host == redirect.From.Host ? default : throw new InvalidOperationException("Not to another host.");
            },
        };
        // </example>
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri, options);
        await server.AnswerAsync("HTTP/1.1 302 There\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
        await server.AnswerAsync("HTTP/1.1 302 There\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n");
        await Assert.ThrowsAsync<InvalidOperationException>(() => connecting.Soon());
    }

    [Fact]
    public async Task Liveness()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        string uri = test.Uri;
        CancellationToken cancel = CancellationToken.None;
        // <example>
        var options = new WebSocketClientOptions
        {
            Connection = new() { IdleTimeout = TimeSpan.FromSeconds(10), WriteStallTimeout = TimeSpan.FromSeconds(20) },
        };
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(uri, options, cancel);
        TimeSpan now = await socket.PingAsync(cancellationToken: cancel);
        Console.WriteLine($"{now.TotalMilliseconds} ms now, {socket.SmoothedRoundTripTime?.TotalMilliseconds} ms as a rule");
        // </example>
        Assert.Equal(now, socket.SmoothedRoundTripTime);
    }

    [Fact]
    public async Task Over_HTTP_2()
    {
        await using ServerTest test = await ServerTest.EchoAsync(); // speaks HTTP/1.1 alone
        var cookies = new CookieContainer();

        // <example>
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        var options = new WebSocketClientOptions { Http2 = http, Cookies = cookies };
        // </example>

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(test.Uri, options).Soon());
        Assert.EndsWith("connect without Http2.", thrown.Message, StringComparison.Ordinal);
    }
}
