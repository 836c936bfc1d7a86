using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Server;

/// <summary>What an application decides about a handshake at a mapped path, and what it learns of those that fail. Rows V31 and V32 of
/// the attack catalogue.</summary>
public sealed class HandshakeHookTests
{
    private const string Key = "open sesame";

    // V32: nothing is opened, nothing runs and nothing is switched before the application has said yes.
    [Theory]
    [InlineData("", 401)]
    [InlineData("X-Key: wrong\r\n", 401)]
    [InlineData("X-Key: open sesam\r\n", 401)]
    [InlineData("X-Key: open sesame!\r\n", 401)]
    [InlineData("X-Key: open sesame\r\n", 101)]
    public async Task Authorize_decides_before_anything_is_switched(string headers, int status)
    {
        int handled = 0;
        await using var test = new ServerTest();
        WebSocketAcceptOptions accept = new()
        {
            Authorize = async request =>
            {
                await Task.Yield();
                return Credentials.Equal(request.Headers["X-Key"], Key)
                    ? null
                    : new HandshakeRefusal(401, new() { { "WWW-Authenticate", "Key" } }, "Who are you?");
            },
        };
        test.Server.Map("/chat", Handle, accept);
        test.Server.Map("/below/*", Handle, accept);
        await test.Server.StartAsync();

        foreach (string path in (string[])["/chat", "/below/any"])
        {
            using RawClient client = await RawClient.ConnectAsync(test.Server);
            await client.SendAsync(RawClient.Request(test.Server, path, headers));
            string head = await client.ReadHeadAsync();
            Assert.StartsWith($"HTTP/1.1 {status} ", head, StringComparison.Ordinal);
            if (status == 101)
            {
                Assert.Equal("in", await client.ReadTextAsync());
                continue;
            }

            Assert.Contains("\r\nWWW-Authenticate: Key\r\n", head, StringComparison.Ordinal);
            Assert.Equal("Who are you?", await client.ReadToEndAsync());
        }

        Assert.Equal(status == 101 ? 2 : 0, handled);
        await test.AssertNothingIsLeftAsync();

        async Task Handle(WebSocketConnection socket, CancellationToken cancel)
        {
            Interlocked.Increment(ref handled);
            await socket.SendTextAsync("in", cancel);
        }
    }

    [Fact]
    public async Task What_Authorize_finds_is_there_for_the_handler()
    {
        await using var test = new ServerTest();
        var user = new object();
        var seen = new TaskCompletionSource<object?>(TaskCreationOptions.RunContinuationsAsynchronously);
        test.Server.Map(
            "/",
            async (socket, cancel) =>
            {
                object? found = socket.UserData;
                socket.UserData = "renamed";
                seen.SetResult(found);
                await ServerTest.EchoAsync(socket, cancel);
            },
            new()
            {
                Authorize = request =>
                {
                    Assert.Null(request.UserData);
                    request.UserData = user;
                    return default;
                },
            });
        await test.Server.StartAsync();

        using RawClient client = await RawClient.OpenAsync(test.Server);

        Assert.Same(user, await seen.Task.WaitAsync(ServerTest.Patience));
        Assert.Equal("renamed", Assert.Single(test.Server.Connections).UserData);
    }

    // V32: a foreign page is refused before its cookies are looked at.
    [Fact]
    public async Task Authorize_is_not_asked_about_a_request_that_is_refused_anyhow()
    {
        int asked = 0;
        await using ServerTest test = await ServerTest.EchoAsync(accept: new()
        {
            Authorize = _ =>
            {
                asked++;
                return default;
            },
        });

        string foreign = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/", "Origin: http://evil.example\r\n"));
        string faulty = await RawClient.AskAsync(test.Server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 403 ", foreign, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 426 ", faulty, StringComparison.Ordinal);
        Assert.Equal(0, asked);
        await test.AssertServesAsync();
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task Authorize_that_throws_is_500_and_one_that_does_not_decide_is_503()
    {
        await using var test = new ServerTest();
        var asked = new TaskCompletionSource();
        var never = new TaskCompletionSource<HandshakeRefusal?>();
        test.Server.Map("/throws", ServerTest.EchoAsync, new() { Authorize = _ => throw new FormatException("no") });
        test.Server.Map("/fails", ServerTest.EchoAsync, new() { Authorize = _ => ValueTask.FromException<HandshakeRefusal?>(new FormatException("no")) });
        test.Server.Map("/stalls", ServerTest.EchoAsync, new()
        {
            Authorize = _ =>
            {
                asked.SetResult();
                return new ValueTask<HandshakeRefusal?>(never.Task);
            },
        });
        test.Server.Map("/any", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        foreach (string path in (string[])["/throws", "/fails"])
        {
            string answer = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, path));
            Assert.StartsWith("HTTP/1.1 500 ", answer, StringComparison.Ordinal);
            Assert.DoesNotContain("no", answer.Split("\r\n\r\n")[1], StringComparison.Ordinal);
        }

        using RawClient client = await RawClient.ConnectAsync(test.Server);
        await client.SendAsync(RawClient.Request(test.Server, "/stalls"));
        await asked.Task.WaitAsync(ServerTest.Patience);
        test.Advance(TimeSpan.FromSeconds(10));
        Assert.StartsWith("HTTP/1.1 503 ", await client.ReadToEndAsync(), StringComparison.Ordinal);

        never.SetResult(null); // too late: it opens nothing
        client.Dispose();
        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Headers_that_are_added_to_a_request_stand_in_its_response_and_in_no_other()
    {
        int asked = 0;
        await using ServerTest test = await ServerTest.EchoAsync(accept: new()
        {
            Headers = new() { { "X-All", "1" } },
            Authorize = request =>
            {
                request.ResponseHeaders.Add("Set-Cookie", $"visit={++asked}");
                return default;
            },
        });
        for (int visit = 1; visit <= 3; visit++)
        {
            using RawClient client = await RawClient.ConnectAsync(test.Server);
            await client.SendAsync(RawClient.Request(test.Server));
            string[] head = (await client.ReadHeadAsync()).Split("\r\n");
            Assert.Contains("X-All: 1", head);
            Assert.Equal($"Set-Cookie: visit={visit}", Assert.Single(head, line => line.StartsWith("Set-Cookie", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task Headers_that_the_handshake_writes_cannot_be_added()
    {
        await using ServerTest test = await ServerTest.EchoAsync(accept: new()
        {
            Authorize = request =>
            {
                request.ResponseHeaders.Add("Sec-WebSocket-Accept", "forged");
                return default;
            },
        });

        string answer = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server));

        Assert.StartsWith("HTTP/1.1 500 ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("forged", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 400)]
    [InlineData("Sec-WebSocket-Protocol: v2\r\n", 400)]
    [InlineData("Sec-WebSocket-Protocol: v2, v1\r\n", 101)]
    public async Task RequireSubprotocol_refuses_who_offers_none_of_them(string headers, int status)
    {
        await using ServerTest test = await ServerTest.EchoAsync(accept: new() { Subprotocols = ["v1"], RequireSubprotocol = true });
        using RawClient client = await RawClient.ConnectAsync(test.Server);

        await client.SendAsync(RawClient.Request(test.Server, "/", headers));

        Assert.StartsWith($"HTTP/1.1 {status} ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HandshakeFailed_tells_of_every_handshake_that_led_nowhere_and_of_no_other()
    {
        ConcurrentQueue<FailedHandshake> failed = new();
        await using var test = new ServerTest();
        test.Server.HandshakeFailed += failed.Enqueue;
        test.Server.HandshakeFailed += _ => throw new FormatException("a subscriber may throw");
        test.Server.Map("/any", ServerTest.EchoAsync);
        test.Server.Map("/closed", ServerTest.EchoAsync, new() { Authorize = _ => new(new HandshakeRefusal(403)) });
        await test.Server.StartAsync();
        await test.AssertServesAsync();

        await RawClient.AskAsync(test.Server, "\u0016\u0003\u0001");
        FailedHandshake noRequest = await NextAsync();
        Assert.Equal((400, HandshakeRule.HeadMustHoldNoControls), (noRequest.StatusCode, noRequest.Fault?.Rule));
        Assert.Null(noRequest.Request);

        await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/none"));
        FailedHandshake noPath = await NextAsync();
        Assert.Equal((404, HandshakeRule.PathMustBeKnown, "/none"), (noPath.StatusCode, noPath.Fault?.Rule, noPath.Request?.Path));

        await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/closed"));
        FailedHandshake closed = await NextAsync();
        Assert.Equal((403, "/closed", "it was not authorized"), (closed.StatusCode, closed.Request?.Path, closed.Reason));
        Assert.Null(closed.Fault);

        using (RawClient half = await RawClient.ConnectAsync(test.Server))
            await half.SendAsync("GET");
        FailedHandshake gone = await NextAsync();
        Assert.Null(gone.StatusCode);
        Assert.Equal("the connection ended before it was over", gone.Reason);
        Assert.IsType<EndOfStreamException>(gone.Exception);

        using RawClient slow = await RawClient.ConnectAsync(test.Server);
        await test.AcceptedAsync(6);
        await slow.SendAsync("GET");
        test.Advance(TimeSpan.FromSeconds(10));
        FailedHandshake late = await NextAsync();
        Assert.Equal("it took longer than HandshakeTimeout", late.Reason);

        await test.AssertServesAsync();
        Assert.Empty(failed);

        async Task<FailedHandshake> NextAsync()
        {
            FailedHandshake? next = null;
            await Settle.UntilAsync(() => failed.TryDequeue(out next));
            return next!;
        }
    }

    [Fact]
    public async Task HandshakeFailed_tells_of_TLS_that_failed_and_from_where()
    {
        var failed = new TaskCompletionSource<FailedHandshake>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Tls = TestCertificates.Serving(TestCertificates.Server) });
        test.Server.HandshakeFailed += failed.SetResult;
        using RawClient plain = await RawClient.ConnectAsync(test.Server);

        await plain.SendAsync(RawClient.Request(test.Server));

        FailedHandshake told = await failed.Task.WaitAsync(ServerTest.Patience);
        Assert.Equal(("TLS failed", plain.Socket.LocalEndPoint), (told.Reason, told.RemoteEndPoint));
        Assert.NotNull(told.Exception);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Certificate_of_a_client_is_there_to_decide_by(bool hasCertificate)
    {
        SslServerAuthenticationOptions tls = TestCertificates.Serving(TestCertificates.Server);
        tls.ClientCertificateRequired = true; // asks for one
        tls.RemoteCertificateValidationCallback = (_, presented, _, _) => presented is null or { Subject: "CN=client.example" }; // or none
        string? seen = null;
        await using ServerTest test = await ServerTest.EchoAsync(
            options => options with { Tls = tls },
            new()
            {
                Authorize = request =>
                {
                    seen = request.ClientCertificate?.Subject;
                    return new(request.ClientCertificate is null ? new HandshakeRefusal(403) : null);
                },
            });
        SslClientAuthenticationOptions client = TestCertificates.Trusting();
        client.TargetHost = "localhost";
        if (hasCertificate)
            client.ClientCertificates = new X509CertificateCollection { TestCertificates.For("client.example") };
        using RawClient raw = await RawClient.ConnectAsync(test.Server);
        await raw.SecureAsync(client);

        await raw.SendAsync(RawClient.Request(test.Server));

        Assert.StartsWith(hasCertificate ? "HTTP/1.1 101 " : "HTTP/1.1 403 ", await raw.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal(hasCertificate ? "CN=client.example" : null, seen);
    }

    // V31: what compares secrets does so without a hint of where they differ. How long that takes is no business of a test that others
    // disturb: that the comparison is the framework's own for this purpose, of digests of one length, stands in the source.
    [Theory]
    [InlineData(null, null, false)]
    [InlineData(null, "a", false)]
    [InlineData("a", null, false)]
    [InlineData("", "", false)]
    [InlineData("a", "a", true)]
    [InlineData("a", "A", false)]
    [InlineData("a", "ab", false)]
    [InlineData("\u00E9", "e\u0301", false)]
    public void Credentials_are_equal_only_where_every_byte_is(string? presented, string? expected, bool isEqual) =>
        Assert.Equal(isEqual, Credentials.Equal(presented, expected));

    [Fact]
    public void Secrets_are_compared_in_one_place_and_in_constant_time()
    {
        string source = Path.Combine(Testing.Checkout.Root, "src");
        string credentials = File.ReadAllText(Path.Combine(source, "Sockeye", "Server", "Credentials.cs"));
        Assert.Contains("CryptographicOperations.FixedTimeEquals(", credentials, StringComparison.Ordinal);
        Assert.Contains("SHA256.HashData(", credentials, StringComparison.Ordinal);

        // The one helper that ships is the one that the tool uses for its key.
        string chat = File.ReadAllText(Path.Combine(source, "Sockeye.Cli", "ChatServer.cs"));
        Assert.Equal(2, chat.Split("Credentials.Equal(").Length - 1);
        Assert.DoesNotContain("== key", chat, StringComparison.Ordinal);
    }
}
