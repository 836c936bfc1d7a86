using Microsoft.Extensions.Logging;
using Sockeye.Diagnostics;

namespace Sockeye;

/// <summary>Holds what a server shares with its connections.</summary>
internal sealed class ServerCore
{
    private readonly Lock _mapping = new();
    private readonly LogPace _limitPace;
    private Routes _routes = Routes.None;

    public ServerCore(WebSocketServerOptions options)
    {
        Options = options;
        _limitPace = new LogPace(Time);
        Logger = new GuardedLogger(options.Connection.LoggerFactory, "Sockeye.Server");
        Connections = new ServerConnections(options);
        Broadcasting = new Broadcasting(Connections.Opened);
        Queue = new UpgradeQueue(options.RequestQueue);
        UpgradeSettings = new UpgradeSettings(options.Connection, Logger)
        {
            IsOriginChecked = true,
            Proxies = options.Proxies,
            Failed = OnHandshakeFailed,
        };
    }

    /// <summary>Raised when a handshake has led to no connection.</summary>
    public event Action<FailedHandshake>? HandshakeFailed;

    public WebSocketServerOptions Options { get; }

    public UpgradeSettings UpgradeSettings { get; }

    public ILogger Logger { get; }

    public TimeProvider Time => Options.Connection.TimeProvider;

    public ServerConnections Connections { get; }

    public Broadcasting Broadcasting { get; }

    public UpgradeQueue Queue { get; }

    public Routes Routes => Volatile.Read(ref _routes);

    /// <summary>Says in the log that a limit is reached: once a minute, since it is peers who decide how often that happens.</summary>
    public void WarnOfLimit(string limit)
    {
        if (_limitPace.IsDue())
            HandshakeLog.LimitReached(Logger, limit);
    }

    /// <summary>Tells of a handshake that has led to no connection. Never throws.</summary>
    public void OnHandshakeFailed(FailedHandshake failed)
    {
        try
        {
            HandshakeFailed?.Invoke(failed);
        }
        catch (Exception e)
        {
            HandshakeLog.HandshakeFailedThrew(Logger, e);
        }
    }

    /// <summary>Changes the table of what is mapped.</summary>
    public void Map(Func<Routes, Routes> change)
    {
        lock (_mapping)
            Volatile.Write(ref _routes, change(_routes));
    }
}
