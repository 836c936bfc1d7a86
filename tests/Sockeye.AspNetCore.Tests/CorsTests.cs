using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Sockeye.AspNetCore.Tests;

/// <summary>Cross-origin requests: the policy of CORS says what it says of any end point, and the check of the origin decides.</summary>
public sealed class CorsTests
{
    private const string Page = "https://page.example";

    [Theory]
    [InlineData(Page, "HTTP/1.1 101 ", true)]
    [InlineData("https://elsewhere.example", "HTTP/1.1 403 ", false)]
    public async Task Policy_adds_its_headers_and_the_allowed_origins_decide(string origin, string status, bool isAllowed)
    {
        await using WebHost host = await StartAsync(new WebSocketAcceptOptions { AllowedOrigins = [Page] });
        string answer = await AskAsync(host, origin);
        Assert.StartsWith(status, answer, StringComparison.Ordinal);
        Assert.Equal(isAllowed, answer.Contains($"\r\nAccess-Control-Allow-Origin: {Page}\r\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Policy_alone_opens_nothing()
    {
        await using WebHost host = await StartAsync(new WebSocketAcceptOptions());
        string answer = await AskAsync(host, Page);
        Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
    }

    private static Task<WebHost> StartAsync(WebSocketAcceptOptions options) => WebHost.StartAsync(
        app =>
        {
            app.UseCors();
            app.MapWebSocket("/", (_, _) => Task.CompletedTask, options).RequireCors("page");
        },
        services => services.AddCors(cors => cors.AddPolicy("page", policy => policy.WithOrigins(Page))));

    private static Task<string> AskAsync(WebHost host, string origin) => host.AskAsync(
        $"GET / HTTP/1.1\r\nHost: {host.Host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: {origin}\r\n" +
        $"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n{Encoding.Latin1.GetString(WebHost.CloseFrame)}");
}
