using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Sockeye.Compression;
using Sockeye.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Accepts or refuses the request of an <see cref="HttpContext"/>, by the rules of the standalone server.</summary>
internal static class HttpUpgrade
{
    /// <summary>Reads the request, and decides nothing.</summary>
    public static UpgradeRequest Read(HttpContext context)
    {
        UpgradeSettings settings = WebSocketHost.Of(context.RequestServices).Settings;
        return RequestOf(context, new HttpTransport(context, settings.Connection.Buffers), settings, ConnectOf(context));
    }

    /// <summary>Judges the request and answers it.</summary>
    /// <returns>The connection, not started; null where the request was refused, and answered.</returns>
    /// <exception cref="InvalidOperationException">The request has been upgraded or answered before.</exception>
    public static async ValueTask<WebSocketConnection?> AcceptAsync(HttpContext context, WebSocketAcceptOptions? options)
    {
        ThrowIfAnswered(context);
        WebSocketHost host = WebSocketHost.Of(context.RequestServices);
        options ??= host.Accept;
        UpgradeSettings settings = host.Settings;
        WebSocketConnectionOptions connectionOptions = host.OptionsOf(options);
        IHttpExtendedConnectFeature? connect = ConnectOf(context);
        var transport = new HttpTransport(context, connectionOptions.Buffers);
        UpgradeRequest request = RequestOf(context, transport, settings, connect);
        ConnectionDetails? details;
        HandshakeRefusal? refusal;
        try
        {
            (details, refusal) = await OpenAsync(context, options, transport, request, connect).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            request.Handshake.Fail(e);
            request.Tell(new FailedHandshake { Reason = "accepting it failed", Exception = e });
            throw;
        }

        if (refusal is not null)
        {
            await RefuseAsync(context, request, settings.Logger, refusal).ConfigureAwait(false);
            return null;
        }

        HandshakeLog.Opened(settings.Logger, transport.RemoteEndPoint, PeerText.Escape(request.Path), details!.Subprotocol);
        var connection = new WebSocketConnection(transport, Role.Server, connectionOptions, details, []) { UserData = request.UserData };
        request.Handshake.Accept(connection);
        host.Add(connection);
        context.Response.OnCompleted(host.EndOfRequest, connection);
        return connection;
    }

    /// <summary>Opens the transport, or finds why not.</summary>
    private static async ValueTask<(ConnectionDetails? Details, HandshakeRefusal? Refusal)> OpenAsync(
        HttpContext context,
        WebSocketAcceptOptions options,
        HttpTransport transport,
        UpgradeRequest request,
        IHttpExtendedConnectFeature? connect)
    {
        if ((FindRefusal(request, connect, options) ?? await request.AuthorizeAsync(options).ConfigureAwait(false)) is { } refusal)
            return (null, refusal);

        ResponseHead response = request.Agree(options, out string? subprotocol, out DeflateAgreement? deflate);
        if (request.FindFault(options, subprotocol) is { } missing)
            return (null, HandshakeRefusal.Of(missing));

        // Others may have had their turn meanwhile.
        ThrowIfAnswered(context);
        try
        {
            await transport.OpenAsync(context, response, connect).ConfigureAwait(false);
        }
        catch (InvalidOperationException) when (IsUpgradable(context) && !context.Response.HasStarted)
        {
            // As many have been upgraded as Kestrel's limits allow.
            foreach ((string name, _) in response.Headers)
                context.Response.Headers.Remove(name);
            HttpHeaders headers = new() { { "Retry-After", "1" } };
            return (null, new HandshakeRefusal(503, headers, "The server has too many connections that were upgraded. Try again.\n"));
        }

        var details = new ConnectionDetails
        {
            Subprotocol = subprotocol,
            Deflate = deflate,
            Path = request.Path,
            AnyRequest = request.Head,
        };
        return (details, null);
    }

    private static void ThrowIfAnswered(HttpContext context)
    {
        if (context.Response.HasStarted)
        {
            throw new InvalidOperationException(
                "This request has been upgraded or answered before: a request is upgraded once, and instead of any other answer. Does "
                + "another middleware or handler answer it too?");
        }
    }

    private static async Task RefuseAsync(HttpContext context, UpgradeRequest request, ILogger logger, HandshakeRefusal refusal)
    {
        string reason = refusal.Fault?.Message ?? refusal.Body.TrimEnd();
        request.Handshake.Refuse(refusal.StatusCode);
        HandshakeLog.Refused(logger, request.RemoteEndPoint, refusal.StatusCode, reason);
        request.Tell(new FailedHandshake { StatusCode = refusal.StatusCode, Fault = refusal.Fault, Reason = reason });
        await HttpRefusal.WriteAsync(context, refusal).ConfigureAwait(false);
    }

    private static UpgradeRequest RequestOf(
        HttpContext context, HttpTransport transport, UpgradeSettings settings, IHttpExtendedConnectFeature? connect)
    {
        var request = new UpgradeRequest(
            transport, HttpRequestHead.Of(context), default, settings, isExtendedConnect: connect is not null);
        request.DecideElsewhere();
        return request;
    }

    private static IHttpExtendedConnectFeature? ConnectOf(HttpContext context) =>
        context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } connect ? connect : null;

    private static HandshakeRefusal? FindRefusal(UpgradeRequest request, IHttpExtendedConnectFeature? connect, WebSocketAcceptOptions options)
    {
        // RFC 9220, section 3
        if (connect is not null && !string.Equals(connect.Protocol, "websocket", StringComparison.OrdinalIgnoreCase))
            return new HandshakeRefusal(501, body: $"This end point speaks websocket, not {PeerText.Escape(connect.Protocol)}.\n");
        return request.FindFault(options) is { } fault ? HandshakeRefusal.Of(fault, options.ProtocolVersions) : null;
    }

    private static bool IsUpgradable(HttpContext context) =>
        context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true };
}
