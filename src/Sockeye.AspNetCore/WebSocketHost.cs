using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sockeye.Diagnostics;

namespace Sockeye;

/// <summary>Knows the WebSocket connections of an application: what a <see cref="WebSocketServer"/> tells of its own. One of the services
/// that <see cref="WebSocketServiceCollectionExtensions"/> registers, and there is one for each application.</summary>
/// <remarks>It closes them when the host stops. All members may be called from any thread.</remarks>
public sealed class WebSocketHost
{
    // Found by the lifetime of the host, so that an application that asks for none need not register anything.
    private static readonly ConditionalWeakTable<IHostApplicationLifetime, Lazy<WebSocketHost>> Hosts = [];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly WebSocketHostOptions _options;
    private readonly ILoggerFactory? _logs;
    private readonly ConditionalWeakTable<WebSocketConnectionOptions, WebSocketConnectionOptions> _logged = [];
    private readonly ConnectionSet _connections = new();
    private readonly Broadcasting _broadcasting;
    private volatile bool _isStopping;

    private WebSocketHost(IServiceProvider? services, IHostApplicationLifetime? lifetime)
    {
        EndOfRequest = End;
        _broadcasting = new Broadcasting(_connections);
        _options = services?.GetService<WebSocketHostOptions>() ?? new WebSocketHostOptions();
        _logs = services?.GetService<ILoggerFactory>();
        WebSocketConnectionOptions connection = WithLogs(_options.Accept.Connection ?? WebSocketConnectionOptions.Default);
        Settings = new UpgradeSettings(connection, new GuardedLogger(connection.LoggerFactory, "Sockeye.Server"))
        {
            Origins = _options.Accept.Origins ?? OriginPolicy.SameOrigin,
            Failed = OnHandshakeFailed,
        };
        lifetime?.ApplicationStopping.UnsafeRegister(static host => ((WebSocketHost)host!).Stop(), this);
    }

    /// <summary>Is raised when a handshake has led to no connection: what came to a WebSocket end point was no request to upgrade or one
    /// that was refused, or accepting it failed. What the application refuses before, by authorisation or a filter, is not told here. It
    /// is raised on the thread that serves the request; what it throws is logged.</summary>
    public event Action<FailedHandshake>? HandshakeFailed;

    /// <summary>Gets the WebSocket connections of the application, each until its request has ended, when its handler has
    /// returned.</summary>
    /// <remarks>At any time: who enumerates sees those that were there when he began, in no order, while others come and go. One that
    /// broke while its handler still runs is among them: <see cref="WebSocketConnection.IsOpen"/> tells, and what is sent to it fails
    /// as any send does. For a message to all of them, <see cref="Broadcast"/> is cheaper.</remarks>
    public IReadOnlyCollection<WebSocketConnection> Connections => _connections;

    internal WebSocketAcceptOptions Accept => _options.Accept;

    internal UpgradeSettings Settings { get; }

    /// <summary>Gets what a request calls when it has been served, with its connection: one for all, so that none keeps its own.</summary>
    internal Func<object, Task> EndOfRequest { get; }

    /// <summary>Sends a message to every open connection, as <see cref="WebSocketServer.Broadcast"/> does. Never waits: a connection at
    /// which more than <see cref="WebSocketConnectionOptions.HighWaterMark"/> bytes would wait is skipped and counted, unless no more
    /// than <see cref="WebSocketConnectionOptions.LowWaterMark"/> wait yet.</summary>
    /// <param name="message">The message, framed and compressed once for all.</param>
    /// <param name="except">A connection to leave out, such as the one that the message came from; null for none.</param>
    /// <param name="path">The path of the connections to send to, as their requests have it; null for all.</param>
    /// <returns>How many have accepted the message, and how many were skipped.</returns>
    public BroadcastResult Broadcast(PreparedMessage message, WebSocketConnection? except = null, string? path = null)
    {
        ArgumentNullException.ThrowIfNull(message);
        return _broadcasting.Send(message, except, path);
    }

    internal static WebSocketHost Of(IServiceProvider? services)
    {
        IHostApplicationLifetime? lifetime = services?.GetService<IHostApplicationLifetime>();
        if (lifetime is null)
            return new WebSocketHost(services, null);
        return Hosts.TryGetValue(lifetime, out Lazy<WebSocketHost>? host) ? host.Value : Make(services, lifetime);
    }

    // Lazily: the table may make two at once, of which it keeps one, and both hosts would be told when the application stops.
    private static WebSocketHost Make(IServiceProvider? services, IHostApplicationLifetime lifetime) =>
        Hosts.GetValue(lifetime, key => new Lazy<WebSocketHost>(() => new WebSocketHost(services, key))).Value;

    /// <summary>Gets the options of the connections that some options accept: logs go to the application's, unless they say otherwise.</summary>
    internal WebSocketConnectionOptions OptionsOf(WebSocketAcceptOptions options) =>
        options.Connection is not { } own || ReferenceEquals(options, Accept) ? Settings.Connection : _logged.GetValue(own, WithLogs);

    /// <summary>Takes an open connection until <see cref="EndOfRequest"/>; one that comes when the host is stopping closes at once.</summary>
    internal void Add(WebSocketConnection connection)
    {
        _connections.Add(connection);
        if (_isStopping)
            ServerConnection.Stop(connection, _options.Drain);
    }

    private void OnHandshakeFailed(FailedHandshake failed)
    {
        try
        {
            HandshakeFailed?.Invoke(failed);
        }
        catch (Exception e)
        {
            HandshakeLog.HandshakeFailedThrew(Settings.Logger, e);
        }
    }

    private WebSocketConnectionOptions WithLogs(WebSocketConnectionOptions options) =>
        _logs is not null && options.LoggerFactory is NullLoggerFactory ? options with { LoggerFactory = _logs } : options;

    /// <summary>Ends a connection with its request, which holds nothing else of the handshake meanwhile.</summary>
    private Task End(object connection)
    {
        var upgraded = (WebSocketConnection)connection;
        ((HttpTransport)upgraded.Transport).EndRequest();
        if (!upgraded.HasEnded)
            upgraded.Abort();
        _connections.Remove(upgraded);
        return Task.CompletedTask;
    }

    /// <summary>Tells every connection to close, and aborts at the deadline what is left. The host goes on meanwhile: its server waits for
    /// the requests, which end with their connections.</summary>
    private void Stop()
    {
        _isStopping = true;
        WebSocketConnection[] open = [.. _connections.Where(connection => !connection.HasEnded)];
        HandshakeLog.Stopping(Settings.Logger, open.Length);
        _ = Draining.TellAsync(open, _options.Drain, Settings.Time, CancellationToken.None);
        _ = AbortAtDeadlineAsync();
    }

    private async Task AbortAtDeadlineAsync()
    {
        await Task.Delay(_options.Drain.Timeout ?? Patience, Settings.Time).ConfigureAwait(false);
        _broadcasting.Release();
        WebSocketConnection[] left = [.. _connections.Where(connection => !connection.HasEnded)];
        if (left.Length == 0)
            return;
        HandshakeLog.StopAborted(Settings.Logger, left.Length);
        foreach (WebSocketConnection connection in left)
            connection.AbortFor(CloseCause.ServerShutdown);
    }
}
