using Microsoft.Extensions.DependencyInjection;

namespace Sockeye;

/// <summary>Finds the options of clients among the services, by their key.</summary>
internal sealed class WebSocketClientFactory(IServiceProvider services) : IWebSocketClientFactory
{
    public WebSocketClientOptions GetOptions(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return services.GetKeyedService<WebSocketClientOptions>(name)
            ?? throw new InvalidOperationException($"No client is registered as \"{name}\": call services.AddWebSocketClient(\"{name}\", options).");
    }

    public Task<WebSocketConnection> ConnectAsync(string name, string uri, CancellationToken cancellationToken = default) =>
        WebSocketClient.ConnectAsync(uri, GetOptions(name), cancellationToken);
}
