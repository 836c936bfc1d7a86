using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Sockeye;

/// <summary>Registers what WebSocket end points have in common.</summary>
public static class WebSocketServiceCollectionExtensions
{
    /// <summary>Sets the options of all WebSocket end points of the application, and registers a <see cref="TopicHub"/> as one of its
    /// services, with the <see cref="TopicHubOptions"/> that are registered, if any. The last call counts.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="options">The options.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddSockeye(this IServiceCollection services, WebSocketHostOptions options)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        services.TryAddSingleton<TopicHub>();
        return services.Replace(ServiceDescriptor.Singleton(options));
    }

    /// <summary>Sets the options of all WebSocket end points of the application by means of its services, such as its configuration, and
    /// registers a <see cref="TopicHub"/>. The last call counts.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="options">Makes the options, once.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddSockeye(this IServiceCollection services, Func<IServiceProvider, WebSocketHostOptions> options)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        services.TryAddSingleton<TopicHub>();
        return services.Replace(ServiceDescriptor.Singleton(options));
    }
}
