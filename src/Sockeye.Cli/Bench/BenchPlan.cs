using System.Net.Security;

namespace Sockeye.Cli.Bench;

/// <summary>What is done to the server.</summary>
internal enum Scenario
{
    /// <summary>Each connection keeps messages in flight, which the server sends back.</summary>
    Echo,

    /// <summary>One connection publishes, all the others receive it.</summary>
    FanOut,

    /// <summary>Connections stay open after one echo each.</summary>
    Idle,

    /// <summary>Connections are opened and closed again.</summary>
    Handshakes,
}

/// <summary>Who generates the load.</summary>
internal enum BenchClient
{
    /// <summary>The load generator of this tool.</summary>
    Generator,

    /// <summary><see cref="WebSocketClient"/>.</summary>
    Sockeye,

    /// <summary>The framework's <see cref="System.Net.WebSockets.ClientWebSocket"/>.</summary>
    ClientWebSocket,
}

/// <summary>What is measured, and how.</summary>
internal sealed record BenchPlan
{
    /// <summary>The number of connections whose handshakes are under way at a time: servers listen with a short queue.</summary>
    public const int OpeningAtATime = 64;

    /// <summary>How long the server may be silent while something is waited for.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public required Uri Url { get; init; }

    public Scenario Scenario { get; init; }

    /// <summary>Gets the number of connections; of a fan-out, the subscribers.</summary>
    public required int Connections { get; init; }

    /// <summary>Gets the size of a message in bytes.</summary>
    public required int Size { get; init; }

    /// <summary>Gets how many messages are in flight on each connection; of a fan-out, publications.</summary>
    public required int Depth { get; init; }

    public bool IsBinary { get; init; }

    public bool IsCompressed { get; init; }

    public required TimeSpan Duration { get; init; }

    public required TimeSpan WarmUp { get; init; }

    /// <summary>Gets the process of the server; null where it is not known.</summary>
    public int? ServerPid { get; init; }

    public BenchClient Client { get; init; }

    /// <summary>Gets whom to trust over TLS; null for whom the system trusts.</summary>
    public SslClientAuthenticationOptions? Tls { get; init; }

    public bool IsSecure => Url.Scheme == Uri.UriSchemeWss;

    /// <summary>Gets the name of the client in reports.</summary>
    public string ClientName => Client switch
    {
        BenchClient.Generator => "sockeye-bench",
        BenchClient.Sockeye => "sockeye",
        _ => "ClientWebSocket",
    };
}
