using System.Diagnostics;
using System.Net;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye.Diagnostics;

/// <summary>One opening handshake as it is timed and traced. The first result that it is told counts.</summary>
/// <param name="role">The side that this is.</param>
/// <param name="time">The clock.</param>
internal sealed class HandshakeTelemetry(Role role, TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private string _method = "GET";
    private ActivityContext _context;
    private Activity? _activity;
    private int _isOver;

    /// <summary>Begins to trace the handshake of a server: in the trace that the request names (W3C Trace Context), unless the host has taken
    /// that up already.</summary>
    public void Receive(RequestHead request, Transport transport)
    {
        _method = request.Method;
        if (!Telemetry.Source.HasListeners())
            return;
        Activity? current = Activity.Current;
        bool isRemote = ActivityContext.TryParse(
            request.Headers["traceparent"], request.Headers["tracestate"], isRemote: true, out ActivityContext remote);
        _context = isRemote && current?.TraceId != remote.TraceId ? remote : current?.Context ?? default;
        _activity = ActivityStart.Start("Sockeye.Handshake", "WebSocket handshake", ActivityKind.Server, _context);
        if (_activity is not { IsAllDataRequested: true })
            return;
        _activity.SetTag("http.request.method", _method);
        _activity.SetTag("url.path", PeerText.Escape(request.Path));
        _activity.SetTag("url.scheme", transport.IsSecure ? "wss" : "ws");
        ActivityStart.SetPeer(_activity, transport.RemoteEndPoint);
    }

    /// <summary>Notes where the client is, where the transport does not know.</summary>
    public void ComesFrom(EndPoint? client)
    {
        if (_activity is { IsAllDataRequested: true })
            ActivityStart.SetPeer(_activity, client);
    }

    /// <summary>Begins to trace the handshake of a client, and names the trace to the server.</summary>
    public void Call(WebSocketUri uri, HttpHeaders headers, bool isExtendedConnect)
    {
        _method = isExtendedConnect ? "CONNECT" : "GET";
        _context = Activity.Current?.Context ?? default;
        if (Telemetry.Source.HasListeners())
            _activity = ActivityStart.Start("Sockeye.Handshake", "WebSocket handshake", ActivityKind.Client, _context);
        if (_activity is { IsAllDataRequested: true })
        {
            _activity.SetTag("http.request.method", _method);
            _activity.SetTag("url.scheme", uri.IsSecure ? "wss" : "ws");
            _activity.SetTag("server.address", uri.Host);
            _activity.SetTag("server.port", uri.Port);
        }

        Activity? named = _activity ?? Activity.Current;
        if (named is not { IdFormat: ActivityIdFormat.W3C } || headers.Contains("traceparent"))
            return;
        headers.Add("traceparent", named.Id!);
        if (!string.IsNullOrEmpty(named.TraceStateString))
            headers.Add("tracestate", named.TraceStateString);
    }

    /// <summary>Notes that a connection came of it (of CONNECT with 200: RFC 8441, section 5), and begins to trace that.</summary>
    public void Accept(WebSocketConnection connection)
    {
        if (TryEnd("accepted", _method == "CONNECT" ? 200 : 101, errorType: null))
            ConnectionTrace.Begin(connection, _activity?.Context ?? _context);
    }

    /// <summary>Notes that the server refused it.</summary>
    public void Refuse(int statusCode) => TryEnd("refused", statusCode, errorType: null);

    /// <summary>Notes that it came to nothing.</summary>
    public void Fail(Exception exception)
    {
        if (exception is WebSocketHandshakeException { Cause: HandshakeFailure.Status, StatusCode: { } statusCode })
            Refuse(statusCode);
        else
            Fail(exception is WebSocketHandshakeException { Cause: var cause } ? cause.ToString() : exception.GetType().FullName!);
    }

    /// <summary>Notes that it came to nothing.</summary>
    public void Fail(string errorType) => TryEnd("failed", statusCode: null, errorType);

    private bool TryEnd(string result, int? statusCode, string? errorType)
    {
        if (Interlocked.Exchange(ref _isOver, 1) != 0)
            return false;
        if (Telemetry.TimesHandshakes)
            Telemetry.ShookHands(role, time.GetElapsedTime(_start), result, statusCode, errorType);
        if (_activity is null)
            return true;
        _activity.SetTag("http.response.status_code", statusCode);
        _activity.SetTag("error.type", errorType);
        // As for HTTP: what a server refuses is the client's error.
        if (errorType is not null || statusCode >= (role == Role.Server ? 500 : 400))
            _activity.SetStatus(ActivityStatusCode.Error);
        ActivityStart.Stop(_activity);
        return true;
    }
}
