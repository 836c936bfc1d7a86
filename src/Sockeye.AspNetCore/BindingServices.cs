using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Sockeye;

/// <summary>Stands in for services while the parameters of a handler are bound: it says that the connection is one of them, and gives
/// nothing for it. All else comes from the services behind it.</summary>
internal sealed class BindingServices(IServiceProvider services)
    : IServiceProvider, IKeyedServiceProvider, ISupportRequiredService, IServiceProviderIsKeyedService
{
    /// <summary>Has an end point bind with these services.</summary>
    public static void Surround(EndpointBuilder endpoint)
    {
        RequestDelegate bind = endpoint.RequestDelegate!;
        endpoint.RequestDelegate = context =>
        {
            context.RequestServices = new BindingServices(context.RequestServices);
            return bind(context);
        };
    }

    /// <summary>Gives a request its own services back.</summary>
    public static void Restore(HttpContext context)
    {
        if (context.RequestServices is BindingServices { Behind: var behind })
            context.RequestServices = behind;
    }

    private IServiceProvider Behind => services;

    public object? GetService(Type serviceType)
    {
        if (serviceType == typeof(IServiceProviderIsService) || serviceType == typeof(IServiceProviderIsKeyedService))
            return this;
        return IsConnection(serviceType) ? null : services.GetService(serviceType);
    }

    // The contract has no null here; who asks is the framework, which puts it among the arguments as it is.
    public object GetRequiredService(Type serviceType) =>
        IsConnection(serviceType) ? null! : services.GetRequiredService(serviceType);

    public object? GetKeyedService(Type serviceType, object? serviceKey) =>
        ((IKeyedServiceProvider)services).GetKeyedService(serviceType, serviceKey);

    public object GetRequiredKeyedService(Type serviceType, object? serviceKey) =>
        services.GetRequiredKeyedService(serviceType, serviceKey);

    public bool IsService(Type serviceType) =>
        IsConnection(serviceType) || services.GetService<IServiceProviderIsService>() is { } known && known.IsService(serviceType);

    public bool IsKeyedService(Type serviceType, object? serviceKey) =>
        services.GetService<IServiceProviderIsKeyedService>() is { } known && known.IsKeyedService(serviceType, serviceKey);

    private static bool IsConnection(Type serviceType) => serviceType == typeof(WebSocketConnection);
}

/// <summary>Collects the end points of one handler, which is bound with <see cref="BindingServices"/>.</summary>
internal sealed class BindingRouteBuilder(IEndpointRouteBuilder endpoints) : IEndpointRouteBuilder
{
    public IServiceProvider ServiceProvider { get; } = new BindingServices(endpoints.ServiceProvider);

    public ICollection<EndpointDataSource> DataSources { get; } = [];

    public IApplicationBuilder CreateApplicationBuilder() => endpoints.CreateApplicationBuilder();
}
