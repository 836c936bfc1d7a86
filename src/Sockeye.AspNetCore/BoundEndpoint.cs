using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Sockeye;

/// <summary>Binds the parameters of a handler as minimal APIs do, and upgrades the request behind its last filter.</summary>
/// <remarks>The framework binds and filters, and would then call the handler. The innermost filter is ours: instead of the call it
/// returns a <see cref="WebSocketResult"/>, which makes the call once the connection is open. Until then the place of the connection
/// among the arguments is empty: <see cref="BindingServices"/> sees to that.</remarks>
internal static class BoundEndpoint
{
    [RequiresUnreferencedCode("Binding looks at the handler by reflection.")]
    [RequiresDynamicCode("Binding makes code at run time.")]
    public static IEndpointConventionBuilder Map(
        IEndpointRouteBuilder endpoints, string pattern, string[] methods, Delegate handler, WebSocketAcceptOptions? options)
    {
        ParameterInfo[] parameters = handler.Method.GetParameters();
        int socket = FindSocket(parameters, handler.Method);
        int[] tokens = [.. parameters.Where(p => p.ParameterType == typeof(CancellationToken)).Select(p => p.Position)];

        // A source of its own: the framework asks the services of the route builder what is a service and what is not.
        var own = new BindingRouteBuilder(endpoints);
        RouteHandlerBuilder builder = own.MapMethods(pattern, methods, handler);
        foreach (EndpointDataSource source in own.DataSources)
            endpoints.DataSources.Add(source);

        Func<EndpointFilterFactoryContext, EndpointFilterDelegate, EndpointFilterDelegate> upgrade = (_, next) => invocation =>
        {
            BindingServices.Restore(invocation.HttpContext);
            // Where binding has failed, the framework has set the status, runs the filters all the same, and calls nothing.
            return invocation.HttpContext.Response.StatusCode >= 400
                ? next(invocation)
                : ValueTask.FromResult<object?>(new WebSocketResult(RunAsync, options));

            async Task RunAsync(WebSocketConnection connection, CancellationToken cancel)
            {
                invocation.Arguments[socket] = connection;
                foreach (int token in tokens)
                    invocation.Arguments[token] = cancel;
                await next(invocation).ConfigureAwait(false);
            }
        };
        return new InnermostFilterBuilder(builder, upgrade)
            .WithMetadata(new ExcludeFromDescriptionAttribute());
    }

    private static int FindSocket(ParameterInfo[] parameters, MethodInfo handler)
    {
        ParameterInfo[] sockets = [.. parameters.Where(p => p.ParameterType == typeof(WebSocketConnection))];
        if (sockets.Length != 1)
            throw new ArgumentException("The handler must have one parameter of type WebSocketConnection.", nameof(handler));
        if (handler.ReturnType != typeof(Task) && handler.ReturnType != typeof(ValueTask))
            throw new ArgumentException("The handler must return a Task or a ValueTask: the connection ends when it completes.", nameof(handler));
        return sockets[0].Position;
    }

    /// <summary>Takes conventions, and keeps one filter behind all filters that they add.</summary>
    private sealed class InnermostFilterBuilder : IEndpointConventionBuilder
    {
        private readonly RouteHandlerBuilder _inner;
        private readonly Func<EndpointFilterFactoryContext, EndpointFilterDelegate, EndpointFilterDelegate> _filter;

        public InnermostFilterBuilder(
            RouteHandlerBuilder inner, Func<EndpointFilterFactoryContext, EndpointFilterDelegate, EndpointFilterDelegate> filter)
        {
            _inner = inner;
            _filter = filter;
            Add(BindingServices.Surround);
        }

        public void Add(Action<EndpointBuilder> convention) => _inner.Add(endpoint =>
        {
            endpoint.FilterFactories.Remove(_filter);
            convention(endpoint);
            endpoint.FilterFactories.Add(_filter);
        });

        public void Finally(Action<EndpointBuilder> finallyConvention) => _inner.Finally(finallyConvention);
    }
}
