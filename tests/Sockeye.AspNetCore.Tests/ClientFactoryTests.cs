using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Sockeye.AspNetCore.Tests;

/// <summary>Clients whose options are registered under names.</summary>
public sealed class ClientFactoryTests
{
    [Fact]
    public async Task Each_name_connects_with_its_own_options()
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", WebHost.EchoAsync, new() { Subprotocols = ["v1", "v2"] }),
            services => services
                .AddWebSocketClient("one", new WebSocketClientOptions { Subprotocols = ["v1"] })
                .AddWebSocketClient("two", _ => new WebSocketClientOptions { Subprotocols = ["v2"] }));
        var clients = host.Services.GetRequiredService<IWebSocketClientFactory>();

        await using WebSocketConnection one = await clients.ConnectAsync("one", $"ws://{host.Host}/").WaitAsync(WebHost.Patience);
        await using WebSocketConnection two = await clients.ConnectAsync("two", $"ws://{host.Host}/").WaitAsync(WebHost.Patience);

        Assert.Equal(("v1", "v2"), (one.Subprotocol, two.Subprotocol));
    }

    [Fact]
    public void Worker_needs_no_AspNetCore_for_it() => Assert.DoesNotContain(
        typeof(IWebSocketClientFactory).Assembly.GetReferencedAssemblies(),
        assembly => assembly.Name!.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal) || assembly.Name == "Sockeye.AspNetCore");

    [Fact]
    public void Options_are_made_once_and_the_last_call_counts()
    {
        int made = 0;
        using ServiceProvider services = new ServiceCollection()
            .AddWebSocketClient("a", new WebSocketClientOptions { Origin = "https://first.example" })
            .AddWebSocketClient("a", _ => new WebSocketClientOptions { Origin = $"https://{++made}.example" })
            .BuildServiceProvider();
        var clients = services.GetRequiredService<IWebSocketClientFactory>();

        Assert.Equal("https://1.example", clients.GetOptions("a").Origin);
        Assert.Same(clients.GetOptions("a"), services.GetRequiredKeyedService<WebSocketClientOptions>("a"));
        Assert.Equal(1, made);
    }

    [Fact]
    public void Logs_go_to_those_of_the_application_unless_the_options_say_otherwise()
    {
        using var own = new LoggerFactory();
        using ServiceProvider services = new ServiceCollection()
            .AddLogging()
            .AddWebSocketClient("theirs", WebSocketClientOptions.Default)
            .AddWebSocketClient("own", new WebSocketClientOptions { Connection = new() { LoggerFactory = own } })
            .BuildServiceProvider();
        using ServiceProvider silent = new ServiceCollection().AddWebSocketClient("theirs", WebSocketClientOptions.Default).BuildServiceProvider();

        Assert.Same(services.GetRequiredService<ILoggerFactory>(), LogsOf(services, "theirs"));
        Assert.Same(own, LogsOf(services, "own"));
        Assert.IsType<NullLoggerFactory>(LogsOf(silent, "theirs"));

        static ILoggerFactory LogsOf(IServiceProvider services, string name) =>
            services.GetRequiredService<IWebSocketClientFactory>().GetOptions(name).Connection.LoggerFactory;
    }

    [Fact]
    public async Task Name_that_nobody_registered_is_refused_with_the_call_that_is_missing()
    {
        await using ServiceProvider services = new ServiceCollection().AddWebSocketClient("a", WebSocketClientOptions.Default).BuildServiceProvider();
        var clients = services.GetRequiredService<IWebSocketClientFactory>();

        var thrown = Assert.Throws<InvalidOperationException>(() => clients.GetOptions("b"));

        Assert.Contains("AddWebSocketClient(\"b\"", thrown.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await clients.ConnectAsync("b", "ws://localhost"));
    }
}
