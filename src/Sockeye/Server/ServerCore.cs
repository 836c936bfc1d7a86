using Microsoft.Extensions.Logging;

namespace Sockeye;

/// <summary>Holds what a server shares with its connections.</summary>
internal sealed class ServerCore
{
    private readonly Lock _mapping = new();
    private Routes _routes = Routes.None;

    public ServerCore(WebSocketServerOptions options)
    {
        Options = options;
        Logger = options.Connection.LoggerFactory.CreateLogger("Sockeye.Server");
        Broadcasting = new Broadcasting(Connections);
        Queue = new UpgradeQueue(options.RequestQueue);
        UpgradeSettings = new UpgradeSettings(options.Connection, Logger)
        {
            IsOriginChecked = true,
            TrustForwarded = options.TrustForwardedHeaders,
        };
    }

    public WebSocketServerOptions Options { get; }

    public UpgradeSettings UpgradeSettings { get; }

    public ILogger Logger { get; }

    public TimeProvider Time => Options.Connection.TimeProvider;

    public ServerConnections Connections { get; } = new();

    public Broadcasting Broadcasting { get; }

    public UpgradeQueue Queue { get; }

    public Routes Routes => Volatile.Read(ref _routes);

    public void Map(string path, Endpoint endpoint)
    {
        lock (_mapping)
            Volatile.Write(ref _routes, _routes.With(path, endpoint));
    }
}
