using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;

namespace Sockeye.Tests.Server;

/// <summary>Whose X-Forwarded headers are believed, and which address in them is the client's.</summary>
public sealed class TrustedProxiesTests
{
    [Theory]
    [InlineData("", "127.0.0.1", "1.1.1.1", null)]
    [InlineData("127.0.0.2", "127.0.0.1", "1.1.1.1", null)]
    [InlineData("127.0.0.1", "127.0.0.1", null, null)]
    [InlineData("127.0.0.1", "127.0.0.1", "", null)]
    [InlineData("127.0.0.1", "127.0.0.1", "1.1.1.1", "1.1.1.1")]
    [InlineData("127.0.0.1", "::ffff:127.0.0.1", "1.1.1.1", "1.1.1.1")]
    [InlineData("::ffff:127.0.0.1", "127.0.0.1", "1.1.1.1", "1.1.1.1")]
    [InlineData("127.0.0.1", "127.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1")] // what stands before it is made up
    [InlineData("127.0.0.1 10.0.0.0/8", "127.0.0.1", "6.6.6.6, 1.1.1.1, 10.2.3.4", "1.1.1.1")]
    [InlineData("127.0.0.1 10.0.0.0/8", "127.0.0.1", "10.0.0.1, 10.2.3.4", "10.0.0.1")]
    [InlineData("127.0.0.1", "127.0.0.1", "1.1.1.1, unknown", null)]
    [InlineData("127.0.0.1", "127.0.0.1", "7", null)] // no address, although the framework reads it as one
    [InlineData("127.0.0.1", "127.0.0.1", "1.1.1.1, 1.7", null)]
    [InlineData("127.0.0.1", "127.0.0.1", "010.0.0.1", null)]
    [InlineData("127.0.0.1", "127.0.0.1", "0x7f.0.0.1:80", null)]
    [InlineData("127.0.0.1 10.0.0.0/8", "127.0.0.1", "unknown, 10.2.3.4", "10.2.3.4")]
    [InlineData("127.0.0.1", "127.0.0.1", "1.1.1.1:4711", "1.1.1.1")]
    [InlineData("127.0.0.1", "127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1")]
    [InlineData("127.0.0.1", "127.0.0.1", "2001:db8::1", "2001:db8::1")]
    [InlineData("fd00::/8", "fd12::1", " ::ffff:1.1.1.1 ", "1.1.1.1")]
    [InlineData("fd00::/8", "fe80::1", "1.1.1.1", null)]
    [InlineData("*", "9.9.9.9", "1.1.1.1, 2.2.2.2", "1.1.1.1")]
    [InlineData("unix", "unix", "1.1.1.1", "1.1.1.1")]
    [InlineData("*", "unix", "1.1.1.1", "1.1.1.1")]
    [InlineData("unix", "127.0.0.1", "1.1.1.1", null)]
    [InlineData("0.0.0.0/0", "unix", "1.1.1.1", null)]
    public void Client_is_the_last_address_that_is_no_trusted_proxy(string trusted, string peer, string? forwarded, string? expected)
    {
        HttpHeaders headers = [];
        if (forwarded is not null)
            headers.Add("X-Forwarded-For", forwarded);
        EndPoint endPoint = peer == "unix" ? new UnixDomainSocketEndPoint("/") : new IPEndPoint(IPAddress.Parse(peer), 1);
        string[] proxies = trusted.Split(' ', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(expected, new TrustedProxies(proxies, "proxies").FindClient(endPoint, headers)?.ToString());
    }

    [Fact]
    public void Headers_that_are_repeated_are_one_list() => Assert.Equal(
        IPAddress.Parse("2.2.2.2"),
        new TrustedProxies(["127.0.0.1"], "proxies").FindClient(
            new IPEndPoint(IPAddress.Loopback, 1), new() { { "X-Forwarded-For", "1.1.1.1" }, { "x-forwarded-for", "2.2.2.2" } }));

    [Theory]
    [InlineData("")]
    [InlineData("localhost")]
    [InlineData("10.0.0.0/33")]
    [InlineData("127.0.0.1:80")]
    [InlineData("7")]
    [InlineData("127.1")]
    [InlineData("010.0.0.0/8")]
    [InlineData("0/8")]
    public void Proxies_that_are_none_throw_where_they_are_set(string proxy) =>
        Assert.Throws<ArgumentException>("TrustedProxies", () => new WebSocketServerOptions { TrustedProxies = [proxy] });

    [Theory]
    [InlineData("127.0.0.1", "203.0.113.7", "https://public.example", 101)]
    [InlineData("::ffff:127.0.0.0/104", "203.0.113.7", "https://public.example", 101)]
    [InlineData("127.0.0.9", "127.0.0.1", "https://public.example", 403)]
    [InlineData("127.0.0.9", "127.0.0.1", null, 101)]
    public async Task Server_believes_the_proxy_it_trusts_about_client_host_and_scheme(string trusted, string client, string? origin, int status)
    {
        var seen = new TaskCompletionSource<(IPAddress?, IPAddress?)>();
        await using var test = new ServerTest(options => options with { TrustedProxies = [trusted] });
        IPAddress? asked = null;
        test.Server.Map(
            "/",
            (socket, _) =>
            {
                seen.SetResult((asked, socket.ClientAddress));
                return Task.CompletedTask;
            },
            new()
            {
                Authorize = request =>
                {
                    asked = request.ClientAddress;
                    return default;
                },
            });
        await test.Server.StartAsync();
        using RawClient raw = await RawClient.ConnectAsync(test.Server);
        string headers = "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Host: public.example\r\nX-Forwarded-Proto: https\r\n"
            + (origin is null ? "" : $"Origin: {origin}\r\n");

        await raw.SendAsync(RawClient.Request(test.Server, "/", headers));

        Assert.StartsWith($"HTTP/1.1 {status} ", await raw.ReadHeadAsync(), StringComparison.Ordinal);
        if (status == 101)
            Assert.Equal((IPAddress.Parse(client), IPAddress.Parse(client)), await seen.Task.WaitAsync(ServerTest.Patience));
    }

    [Fact]
    public async Task Server_believes_a_proxy_that_comes_by_a_unix_domain_socket()
    {
        string path = Path.Combine(Path.GetTempPath(), $"sockeye-{Guid.NewGuid():N}.sock");
        var seen = new TaskCompletionSource<IPAddress?>();
        await using var test = new ServerTest(options => options with
        {
            Port = null,
            EndPoints = [new UnixDomainSocketEndPoint(path)],
            TrustedProxies = ["unix"],
        });
        test.Server.Map("/", (socket, _) =>
        {
            seen.SetResult(socket.ClientAddress);
            return Task.CompletedTask;
        });
        await test.Server.StartAsync();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(path));

        string request = RawClient.Request(test.Server, "/", "X-Forwarded-For: 203.0.113.7\r\n").Replace(path, "a", StringComparison.Ordinal);
        await client.SendAsync(System.Text.Encoding.ASCII.GetBytes(request));

        Assert.Equal(IPAddress.Parse("203.0.113.7"), await seen.Task.WaitAsync(ServerTest.Patience));
        File.Delete(path);
    }
}
