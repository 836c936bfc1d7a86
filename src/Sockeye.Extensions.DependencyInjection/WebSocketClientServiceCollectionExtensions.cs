using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Sockeye;

/// <summary>Registers how an application connects to WebSocket servers.</summary>
public static class WebSocketClientServiceCollectionExtensions
{
    /// <summary>Registers options of clients under a name, and <see cref="IWebSocketClientFactory"/>, which connects with them. The options
    /// are a keyed service too. Of several calls with one name the last counts.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="name">The name, such as that of the server.</param>
    /// <param name="options">The options. Logs go to the application's, unless they say otherwise.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddWebSocketClient(this IServiceCollection services, string name, WebSocketClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return services.AddWebSocketClient(name, _ => options);
    }

    /// <summary>Registers options of clients under a name, made by means of the services of the application, such as its configuration,
    /// and <see cref="IWebSocketClientFactory"/>, which connects with them. The options are a keyed service too. Of several calls
    /// with one name the last counts.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="name">The name, such as that of the server.</param>
    /// <param name="options">Makes the options, once, when they are first needed. Logs go to the application's, unless they say
    /// otherwise.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddWebSocketClient(
        this IServiceCollection services, string name, Func<IServiceProvider, WebSocketClientOptions> options)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(options);
        services.TryAddSingleton<IWebSocketClientFactory, WebSocketClientFactory>();
        return services.AddKeyedSingleton(name, (provider, _) => WithLogs(options(provider), provider.GetService<ILoggerFactory>()));
    }

    private static WebSocketClientOptions WithLogs(WebSocketClientOptions options, ILoggerFactory? logs) =>
        logs is not null && options.Connection.LoggerFactory is NullLoggerFactory
            ? options with { Connection = options.Connection with { LoggerFactory = logs } }
            : options;
}
