using System.Net;

namespace Sockeye.Tests.Client;

/// <summary>The examples of docs/proxies.md: each stands here between two marks, and is run.</summary>
public sealed class ProxyExamplesTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("proxies.md", Path.Combine("Client", nameof(ProxyExamplesTests) + ".cs"), count: 1);

    [Fact]
    public void Options()
    {
        // <example>
        var options = new WebSocketClientOptions { Proxy = new WebProxy("http://name:password@proxy.example:3128") };
        var fromTheEnvironment = new WebSocketClientOptions { Proxy = HttpClient.DefaultProxy };
        // </example>
        ProxyTunnel? proxy = ProxyTunnel.Find(options.Proxy, WebSocketUri.Parse("ws://example.com/"));
        Assert.Equal(("proxy.example", 3128, false), (proxy?.Address.Host, proxy?.Port, proxy?.IsSecure));
        Assert.NotNull(fromTheEnvironment.Proxy);
    }
}
