using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Sockeye;

/// <summary>Maps WebSocket end points.</summary>
/// <remarks>What is mapped matches GET of HTTP/1.1 and CONNECT of HTTP/2, takes the conventions of all end points
/// (<c>RequireAuthorization</c>, <c>RequireCors</c>, <c>RequireRateLimiting</c>, filters), and needs no <c>UseWebSockets</c>. All that can
/// refuse the request has finished before it is upgraded; the request ends when the connection has.</remarks>
public static class WebSocketEndpointExtensions
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Connect];

    /// <summary>Runs a handler for each connection at a pattern, without reflection: for programs that are trimmed or compiled ahead of
    /// time.</summary>
    /// <param name="endpoints">Where to add the end point.</param>
    /// <param name="pattern">The pattern of the route.</param>
    /// <param name="handler">The handler. When it returns, the connection is closed with 1000, and with 1011 where it throws. Its
    /// token is cancelled when the connection is aborted.</param>
    /// <param name="options">How requests are accepted; those of the application where null.</param>
    /// <returns>What takes conventions for the end point.</returns>
    public static IEndpointConventionBuilder MapWebSocket(
        this IEndpointRouteBuilder endpoints,
        [StringSyntax("Route")] string pattern,
        Func<WebSocketConnection, CancellationToken, Task> handler,
        WebSocketAcceptOptions? options = null) =>
        Map(endpoints, pattern, new WebSocketResult(handler, options).ExecuteAsync);

    /// <summary>Runs a handler that also sees the request, its route values and its services, for each connection at a pattern, without
    /// reflection.</summary>
    /// <param name="endpoints">Where to add the end point.</param>
    /// <param name="pattern">The pattern of the route.</param>
    /// <param name="handler">The handler, as above. The response is not its to write.</param>
    /// <param name="options">How requests are accepted; those of the application where null.</param>
    /// <returns>What takes conventions for the end point.</returns>
    public static IEndpointConventionBuilder MapWebSocket(
        this IEndpointRouteBuilder endpoints,
        [StringSyntax("Route")] string pattern,
        Func<HttpContext, WebSocketConnection, CancellationToken, Task> handler,
        WebSocketAcceptOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Map(
            endpoints,
            pattern,
            context => new WebSocketResult((socket, cancel) => handler(context, socket, cancel), options).ExecuteAsync(context));
    }

    /// <summary>Runs callbacks for each connection at a pattern: no task per message, no reflection.</summary>
    /// <param name="endpoints">Where to add the end point.</param>
    /// <param name="pattern">The pattern of the route.</param>
    /// <param name="handler">The callbacks.</param>
    /// <param name="options">How requests are accepted; those of the application where null.</param>
    /// <returns>What takes conventions for the end point.</returns>
    public static IEndpointConventionBuilder MapWebSocket(
        this IEndpointRouteBuilder endpoints,
        [StringSyntax("Route")] string pattern,
        WebSocketHandler handler,
        WebSocketAcceptOptions? options = null) =>
        Map(endpoints, pattern, new WebSocketResult(handler, options).ExecuteAsync);

    /// <summary>Runs a handler for each connection at a pattern, with the parameters of a minimal API: route values, the query, headers,
    /// services, the <see cref="HttpContext"/>, and besides these the <see cref="WebSocketConnection"/> and the
    /// <see cref="CancellationToken"/> of the connection.</summary>
    /// <param name="endpoints">Where to add the end point.</param>
    /// <param name="pattern">The pattern of the route, such as <c>/chat/{room}</c>.</param>
    /// <param name="handler">The handler; it has one parameter of type <see cref="WebSocketConnection"/> and returns a <see cref="Task"/>
    /// or a <see cref="ValueTask"/>. When it has returned, the connection is closed with 1000, and with 1011 where it threw. Its token
    /// is cancelled when the connection is aborted.</param>
    /// <param name="options">How requests are accepted; those of the application where null.</param>
    /// <returns>What takes conventions for the end point.</returns>
    /// <exception cref="ArgumentException">The handler does not have one parameter of type <see cref="WebSocketConnection"/>, or returns
    /// something else.</exception>
    [RequiresUnreferencedCode("Binding looks at the handler by reflection. Use an overload with a typed handler where code is trimmed.")]
    [RequiresDynamicCode("Binding makes code at run time. Use an overload with a typed handler where code is compiled ahead of time.")]
    public static IEndpointConventionBuilder MapWebSocket(
        this IEndpointRouteBuilder endpoints,
        [StringSyntax("Route")] string pattern,
        Delegate handler,
        WebSocketAcceptOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        ArgumentNullException.ThrowIfNull(handler);
        return BoundEndpoint.Map(endpoints, pattern, Methods, handler, options);
    }

    private static IEndpointConventionBuilder Map(IEndpointRouteBuilder endpoints, string pattern, RequestDelegate request)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        return endpoints.MapMethods(pattern, Methods, request);
    }
}
