using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>Our client through real proxies.</summary>
public sealed class ProxyTests
{
    public static TheoryData<string> Proxies => ["tinyproxy", "squid", "squid by TLS", "microsocks"];

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task Our_client_talks_through_a_real_proxy_that_wants_credentials(string kind)
    {
        await using ProxyProcess proxy = await ProxyProcess.StartAsync(kind);
        foreach (string scheme in (string[])["ws", "wss"])
        {
            await using WebSocketServer server = await EchoHost.StartAsync(scheme);
            await using WebSocketConnection socket = await ConnectAsync(EchoHost.UrlOf(server, scheme), proxy.Address);

            Assert.Equal(scheme == "wss" || kind == "squid by TLS", socket.IsSecure);
            foreach (int size in Payloads.Sizes)
            {
                string text = Payloads.Text(size);
                await socket.SendTextAsync(text);
                Assert.Equal(text, (await socket.ReceiveAsync()).GetText());
            }

            Assert.True(await socket.PingAsync() >= TimeSpan.Zero);
            CloseResult end = await socket.CloseAsync((CloseCode)4001, "bye");
            Assert.Equal((true, (CloseCode)4001), (end.IsClean, end.ReceivedCode));
        }
    }

    [Theory]
    [InlineData("tinyproxy", 401)]
    [InlineData("squid", 407)]
    [InlineData("squid by TLS", 407)]
    [InlineData("microsocks", null)]
    public async Task Real_proxy_that_does_not_know_the_credentials_is_told_as_such(string kind, int? status)
    {
        await using ProxyProcess proxy = await ProxyProcess.StartAsync(kind);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => ConnectAsync("ws://localhost:80/", proxy.AddressFor(ProxyProcess.UserName, "wrong")));

        Assert.Equal((HandshakeFailure.Proxy, status), (thrown.Cause, thrown.StatusCode));
        Assert.Contains("credentials", thrown.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tinyproxy", 500)]
    [InlineData("squid", 503)]
    [InlineData("microsocks", null)]
    public async Task Real_proxy_that_cannot_reach_the_server_is_told_as_such(string kind, int? status)
    {
        await using ProxyProcess proxy = await ProxyProcess.StartAsync(kind);
        int closed;
        using (var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            closed = ((IPEndPoint)socket.LocalEndPoint!).Port;

            // Bound, and nobody listens: it is refused for as long as the socket lives.
            var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => ConnectAsync($"ws://127.0.0.1:{closed}/", proxy.Address));

            Assert.Equal((HandshakeFailure.Proxy, status), (thrown.Cause, thrown.StatusCode));
            Assert.Contains($"127.0.0.1:{closed}", thrown.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("elsewhere.example, localhost", true)]
    [InlineData("*", false)]
    [InlineData("localhost:{port}", false)]
    public async Task Tool_goes_through_the_proxy_of_the_environment_but_for_what_NO_PROXY_names(string noProxy, bool isBypassed)
    {
        await using WebSocketServer server = await EchoHost.StartAsync("ws");
        await using ProxyProcess proxy = await ProxyProcess.StartAsync("squid");
        noProxy = noProxy.Replace("{port}", $"{((IPEndPoint)server.EndPoints[0]).Port}", StringComparison.Ordinal);
        string wrong = proxy.AddressFor(ProxyProcess.UserName, "wrong");
        await using PeerProcess connect = PeerProcess.Start(
            "env", $"HTTP_PROXY={wrong}", $"http_proxy={wrong}", $"NO_PROXY={noProxy}", $"no_proxy={noProxy}", "dotnet", Repository.Tool,
            "connect", EchoHost.UrlOf(server, "ws"));
        await connect.Input.WriteLineAsync("hello");
        connect.Input.Close();

        Assert.Equal(isBypassed ? 0 : 1, await connect.WaitForExitAsync());
        Assert.Contains(isBypassed ? "hello" : "407", connect.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTPS_PROXY", "wss", 443)]
    [InlineData("ALL_PROXY", "ws", 80)]
    [InlineData("ALL_PROXY", "wss", 443)]
    public async Task Tool_knows_every_variable_of_the_environment_that_names_a_proxy(string variable, string scheme, int port)
    {
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        string address = $"http://{proxy.LocalEndpoint}";
        string[] others = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
        await using PeerProcess connect = PeerProcess.Start("env", [
            .. others.SelectMany(name => (string[])["-u", name, "-u", name.ToLowerInvariant()]),
            $"{variable}={address}", $"{variable.ToLowerInvariant()}={address}", "dotnet", Repository.Tool, "connect", $"{scheme}://example.invalid/",
        ]);
        using Socket client = await proxy.AcceptSocketAsync().WaitAsync(TimeSpan.FromMinutes(1));
        using var reader = new StreamReader(new NetworkStream(client));

        Assert.Equal($"CONNECT example.invalid:{port} HTTP/1.1", await reader.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1)));
        client.Close();
        Assert.Equal(1, await connect.WaitForExitAsync());
    }

    private static Task<WebSocketConnection> ConnectAsync(string url, string proxy) => WebSocketClient.ConnectAsync(url, new()
    {
        Proxy = new WebProxy(proxy), Tls = TestAuthority.ClientOptions(), ConnectTimeout = TimeSpan.FromMinutes(1),
    });
}
