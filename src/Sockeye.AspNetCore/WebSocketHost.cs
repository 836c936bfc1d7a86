using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sockeye.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Holds what the connections of one host share, and closes them when it stops.</summary>
/// <remarks>There is one for each host, found by its lifetime, so that an application need not register anything. The set of
/// connections is guarded by the lock on it.</remarks>
internal sealed class WebSocketHost
{
    private static readonly ConditionalWeakTable<IHostApplicationLifetime, WebSocketHost> Hosts = [];

    private readonly WebSocketHostOptions _options;
    private readonly ILoggerFactory? _logs;
    private readonly ConditionalWeakTable<WebSocketConnectionOptions, WebSocketConnectionOptions> _logged = [];
    private readonly HashSet<WebSocketConnection> _open = [];
    private bool _isStopping;

    private WebSocketHost(IServiceProvider? services, IHostApplicationLifetime? lifetime)
    {
        EndOfRequest = End;
        _options = services?.GetService<WebSocketHostOptions>() ?? new WebSocketHostOptions();
        _logs = services?.GetService<ILoggerFactory>();
        WebSocketConnectionOptions connection = WithLogs(_options.Accept.Connection ?? WebSocketConnectionOptions.Default);
        Settings = new UpgradeSettings(connection, connection.LoggerFactory.CreateLogger("Sockeye.Server"))
        {
            Origins = _options.Accept.Origins ?? OriginPolicy.SameOrigin,
        };
        lifetime?.ApplicationStopping.UnsafeRegister(static host => ((WebSocketHost)host!).Stop(), this);
    }

    public WebSocketAcceptOptions Accept => _options.Accept;

    public UpgradeSettings Settings { get; }

    /// <summary>Gets what a request calls when it has been served, with its connection: one for all, so that none keeps its own.</summary>
    public Func<object, Task> EndOfRequest { get; }

    public static WebSocketHost Of(IServiceProvider? services)
    {
        IHostApplicationLifetime? lifetime = services?.GetService<IHostApplicationLifetime>();
        return lifetime is null ? new WebSocketHost(services, null) : Hosts.GetValue(lifetime, key => new WebSocketHost(services, key));
    }

    /// <summary>Gets the options of the connections that some options accept: logs go to the application's, unless they say otherwise.</summary>
    public WebSocketConnectionOptions OptionsOf(WebSocketAcceptOptions options) =>
        options.Connection is not { } own || ReferenceEquals(options, Accept) ? Settings.Connection : _logged.GetValue(own, WithLogs);

    /// <summary>Takes an open connection until <see cref="EndOfRequest"/>; one that comes when the host is stopping closes at once.</summary>
    public void Add(WebSocketConnection connection)
    {
        bool isStopping;
        lock (_open)
        {
            _open.Add(connection);
            isStopping = _isStopping;
        }

        if (isStopping)
            Close(connection);
    }

    private WebSocketConnectionOptions WithLogs(WebSocketConnectionOptions options) =>
        _logs is not null && options.LoggerFactory is NullLoggerFactory ? options with { LoggerFactory = _logs } : options;

    private static void Close(WebSocketConnection connection) =>
        _ = connection.CloseForAsync(CloseCode.GoingAway, "Server shutting down", CloseCause.ServerShutdown);

    /// <summary>Ends a connection with its request, which holds nothing else of the handshake meanwhile.</summary>
    private Task End(object connection)
    {
        var upgraded = (WebSocketConnection)connection;
        ((HttpTransport)upgraded.Transport).EndRequest();
        if (!upgraded.HasEnded)
            upgraded.Abort();
        lock (_open)
            _open.Remove(upgraded);
        return Task.CompletedTask;
    }

    /// <summary>Tells every connection to close, all at the same time, and aborts at the deadline what is left. The host goes on
    /// meanwhile: its server waits for the requests, which end with their connections.</summary>
    private void Stop()
    {
        WebSocketConnection[] open;
        lock (_open)
        {
            _isStopping = true;
            open = [.. _open.Where(connection => !connection.HasEnded)];
        }

        HandshakeLog.Stopping(Settings.Logger, open.Length);
        foreach (WebSocketConnection connection in open)
            Close(connection);
        _ = AbortAtDeadlineAsync();
    }

    private async Task AbortAtDeadlineAsync()
    {
        await Task.Delay(_options.ShutdownTimeout, Settings.Time).ConfigureAwait(false);
        WebSocketConnection[] left;
        lock (_open)
            left = [.. _open.Where(connection => !connection.HasEnded)];
        if (left.Length == 0)
            return;
        HandshakeLog.StopAborted(Settings.Logger, left.Length);
        foreach (WebSocketConnection connection in left)
            connection.AbortFor(CloseCause.ServerShutdown);
    }
}
