using Sockeye.Protocol;

namespace Sockeye.Tests.Server;

/// <summary>The examples of docs/security.md: each stands here between two marks, and is run.</summary>
public sealed class SecurityExamplesTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("security.md", Path.Combine("Server", nameof(SecurityExamplesTests) + ".cs"), count: 4);

    [Fact]
    public void Limits()
    {
        // <example>
        var options = new WebSocketServerOptions
        {
            Port = 8080,
            AllowedOrigins = ["https://app.example"],
            MaxConnections = 10_000,
            MaxConnectionsPerAddress = 100,
            TrustedProxies = ["10.0.0.0/8"],
        };
        // </example>

        Assert.Equal((10_000, 100), (options.MaxConnections, options.MaxConnectionsPerAddress));
    }

    [Theory]
    [InlineData("/chat", "", 401)]
    [InlineData("/chat", "Authorization: Bearer good\r\n", 101)]
    [InlineData("/chat?access_token=Bearer%20good", "", 101)]
    public async Task Authorization(string target, string headers, int status)
    {
        await using var test = new ServerTest();
        MapChat(test.Server);
        await test.Server.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(test.Server);

        await client.SendAsync(RawClient.Request(test.Server, target, headers));

        Assert.StartsWith($"HTTP/1.1 {status} ", await client.ReadHeadAsync(), StringComparison.Ordinal);

        static Task<bool> IsValidAsync(string? token) => Task.FromResult(Credentials.Equal(token, "Bearer good"));

        static Task ChatAsync(WebSocketConnection socket, CancellationToken cancel) => ServerTest.EchoAsync(socket, cancel);

        static void MapChat(WebSocketServer server)
        {
            // <example>
            server.Map("/chat", ChatAsync, new()
            {
                Authorize = async request =>
                {
                    string? token = request.Headers["Authorization"] ?? request.GetQueryValue("access_token");
                    return await IsValidAsync(token) ? null : new HandshakeRefusal(401, new() { { "WWW-Authenticate", "Bearer" } });
                },
            });
            // </example>
        }
    }

    [Theory]
    [InlineData("open sesame", null)]
    [InlineData("open", 3003)]
    [InlineData(null, 3008)]
    public async Task First_message(string? sent, int? code)
    {
        const string secret = "open sesame";
        await using var test = new ServerTest();
        MapFeed(test.Server);
        await test.Server.StartAsync();
        using RawClient client = await RawClient.OpenAsync(test.Server, "/feed");
        if (sent is not null)
            await client.SendFrameAsync(Opcode.Text, sent);

        if (code is null)
            Assert.Equal("welcome", await client.ReadTextAsync());
        else
            Assert.Equal(code, (await client.ReadCloseAsync()).Code);

        static void MapFeed(WebSocketServer server)
        {
            // <example>
            server.Map("/feed", async (socket, cancel) =>
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                patience.CancelAfter(TimeSpan.FromSeconds(5));
                string token;
                try
                {
                    token = (await socket.ReceiveAsync(patience.Token)).GetText();
                }
                catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
                {
                    await socket.CloseAsync(CloseCode.Timeout, "No token came.", cancel);
                    return;
                }

                if (!Credentials.Equal(token, secret))
                {
                    await socket.CloseAsync(CloseCode.Forbidden, "", cancel);
                    return;
                }

                await socket.SendTextAsync("welcome", cancel);
            });
            // </example>
        }
    }

    [Fact]
    public async Task What_failed()
    {
        await using var test = new ServerTest();
        var told = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        Watch(test.Server, new Lines(told));
        await test.Server.StartAsync();

        await RawClient.AskAsync(test.Server, RawClient.Request(test.Server));

        Assert.EndsWith(": 404 there is nothing at this path (/)", await told.Task.WaitAsync(ServerTest.Patience), StringComparison.Ordinal);

        static void Watch(WebSocketServer server, Lines Console)
        {
            // <example>
            server.HandshakeFailed += failed => Console.WriteLine($"{failed.RemoteEndPoint}: {failed.StatusCode} {failed.Reason}");
            // </example>
        }
    }

    private sealed class Lines(TaskCompletionSource<string> told)
    {
        public void WriteLine(string line) => told.TrySetResult(line);
    }
}
