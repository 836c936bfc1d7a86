using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Sockeye;

/// <summary>Registers what WebSocket end points have in common.</summary>
public static class WebSocketServiceCollectionExtensions
{
    /// <summary>Sets the options of all WebSocket end points of the application, and registers the <see cref="WebSocketHost"/>, which
    /// knows their connections, and a <see cref="TopicHub"/>, with the <see cref="TopicHubOptions"/> that are registered, if any. The
    /// last call counts.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="options">The options; the default ones where null.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddSockeye(this IServiceCollection services, WebSocketHostOptions? options = null) =>
        Add(services, ServiceDescriptor.Singleton(options ?? new WebSocketHostOptions()));

    /// <summary>Sets the options of all WebSocket end points of the application by means of its services, such as its configuration, and
    /// registers a <see cref="WebSocketHost"/> and a <see cref="TopicHub"/>. The last call counts.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="options">Makes the options, once.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddSockeye(this IServiceCollection services, Func<IServiceProvider, WebSocketHostOptions> options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Add(services, ServiceDescriptor.Singleton(options));
    }

    private static IServiceCollection Add(IServiceCollection services, ServiceDescriptor options)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton<TopicHub>();
        services.TryAddSingleton(WebSocketHost.Of);
        return services.Replace(options);
    }
}
