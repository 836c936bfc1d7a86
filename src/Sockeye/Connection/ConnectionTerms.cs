using System.Runtime.CompilerServices;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>What all connections of one role with the same options share: made once, so that none of them keeps it for itself.</summary>
internal sealed class ConnectionTerms
{
    private static readonly ConditionalWeakTable<WebSocketConnectionOptions, ConnectionTerms> Servers = [];
    private static readonly ConditionalWeakTable<WebSocketConnectionOptions, ConnectionTerms> Clients = [];

    private ConnectionTerms(WebSocketConnectionOptions options, Role role)
    {
        Options = options;
        Role = role;
        Logger = options.Logger;
        Buffers = options.Buffers;
        Sweep = DeadlineSweep.For(options.TimeProvider);
        IdleTimeout = Sweep.Ticks(options.IdleTimeout);
        WriteStallTimeout = Sweep.Ticks(options.WriteStallTimeout ?? options.IdleTimeout);
        MaxLifetime = Sweep.Ticks(options.MaxLifetime);
        Assembly = new AssemblyTerms(role, options.ProtocolLimits, options.Buffers.Arrays, options.ReceiveInPieces);
        FragmentSize = options.FragmentSize == 0 ? int.MaxValue : options.FragmentSize;
        LowWaterMark = Math.Min(options.LowWaterMark, options.HighWaterMark);
    }

    public WebSocketConnectionOptions Options { get; }

    public Role Role { get; }

    public Microsoft.Extensions.Logging.ILogger Logger { get; }

    /// <summary>Gets where memory is rented.</summary>
    public BufferPool Buffers { get; }

    /// <summary>Gets what serves the deadlines.</summary>
    public DeadlineSweep Sweep { get; }

    /// <summary>Gets the silence after which a peer counts as gone, in timestamps; 0 for never.</summary>
    public long IdleTimeout { get; }

    /// <summary>Gets how long bytes may wait without any being taken, in timestamps; 0 for ever.</summary>
    public long WriteStallTimeout { get; }

    /// <summary>Gets how long a connection may last, in timestamps; 0 for ever.</summary>
    public long MaxLifetime { get; }

    /// <summary>Gets the largest payload of one frame.</summary>
    public int FragmentSize { get; }

    /// <summary>Gets the number of waiting bytes at which waiting sends go on.</summary>
    public int LowWaterMark { get; }

    /// <summary>Gets how messages are assembled.</summary>
    public AssemblyTerms Assembly { get; }

    public static ConnectionTerms Of(WebSocketConnectionOptions options, Role role) => role == Role.Server
        ? Servers.GetValue(options, static key => new ConnectionTerms(key, Role.Server))
        : Clients.GetValue(options, static key => new ConnectionTerms(key, Role.Client));
}
