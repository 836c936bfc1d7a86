using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sockeye.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Sets how one connection behaves, as server and as client alike. Immutable; any number of connections may share it.</summary>
/// <remarks>A value outside its range throws <see cref="ArgumentOutOfRangeException"/> where it is set.</remarks>
public sealed record WebSocketConnectionOptions
{
    private ILogger? _logger;

    /// <summary>The default options.</summary>
    public static WebSocketConnectionOptions Default { get; } = new();

    /// <summary>Gets the largest message that is received, in bytes over all its fragments; 16 MiB by default, 0 is unlimited.
    /// A larger one closes the connection with 1009 before its payload is read.</summary>
    public long MaxMessageSize
    {
        get;
        init => field = AtLeast(value, 0);
    } = 16 * 1024 * 1024;

    /// <summary>Gets the largest number of fragments of one message that is received; 131,072 by default, 0 is unlimited.
    /// More close the connection with 1008.</summary>
    public int MaxFragments
    {
        get;
        init => field = (int)AtLeast(value, 0);
    } = 131_072;

    /// <summary>Gets whether messages are handed out in pieces, as their bytes arrive, and never held whole; false by default.</summary>
    /// <remarks>
    /// <para>Every way of reading gives pieces then: <see cref="WebSocketMessage.BeginsMessage"/> and
    /// <see cref="WebSocketMessage.EndsMessage"/> tell how they belong together, and what arrived at once is still one piece.
    /// <see cref="WebSocketConnection.ReceiveStreamAsync"/> gives a message as a stream. Text has been checked up to the end of each piece,
    /// which may break inside a character.</para>
    /// <para>What breaks a rule ends the connection when it comes, behind pieces of the same message that have been read. The limits hold for
    /// the whole message. As it is not held, they may be large; no limit is none, beyond what an array can hold. What waits to be read is
    /// bounded by <see cref="ReadAhead"/> alone.</para>
    /// </remarks>
    public bool ReceiveInPieces { get; init; }

    /// <summary>Gets whether text is taken without the check that it is UTF-8; false by default (RFC 6455, section 8.1).</summary>
    public bool SkipUtf8Validation { get; init; }

    /// <summary>Gets whether pings are answered by the engine; true by default. Where false, answer each with
    /// <see cref="WebSocketConnection.SendPongAsync"/>.</summary>
    public bool AutoPong { get; init; } = true;

    /// <summary>Gets the largest payload of one frame that is sent, in bytes; larger messages leave in fragments, so that pings and
    /// pongs can pass. 1 MiB by default, 0 never fragments.</summary>
    public int FragmentSize
    {
        get;
        init => field = (int)AtLeast(value, 0);
    } = 1024 * 1024;

    /// <summary>Gets the number of bytes waiting to be sent above which a send waits; 64 KiB by default.</summary>
    public int HighWaterMark
    {
        get;
        init => field = (int)AtLeast(value, 1);
    } = 64 * 1024;

    /// <summary>Gets the number of waiting bytes at which waiting sends go on; 16 KiB by default. Values above
    /// <see cref="HighWaterMark"/> count as that.</summary>
    public int LowWaterMark
    {
        get;
        init => field = (int)AtLeast(value, 0);
    } = 16 * 1024;

    /// <summary>Gets the number of waiting bytes above which <see cref="WebSocketConnection.TrySend"/>
    /// refuses a message; 16 MiB by default.</summary>
    public int MaxBufferedBytes
    {
        get;
        init => field = (int)AtLeast(value, 1);
    } = 16 * 1024 * 1024;

    /// <summary>Gets how many bytes of messages are read ahead while the application is busy; 64 KiB by default. Then receiving
    /// stops until the application reads. One message may exceed it.</summary>
    public int ReadAhead
    {
        get;
        init => field = (int)AtLeast(value, 1);
    } = 64 * 1024;

    /// <summary>Gets the silence after which a peer counts as gone; 30 s by default, <see cref="TimeSpan.Zero"/> is off. After half
    /// of it in silence a ping is sent; after the other half the connection fails with 1001. Any received byte counts.</summary>
    public TimeSpan IdleTimeout
    {
        get;
        init => field = NotNegative(value);
    } = TimeSpan.FromSeconds(30);

    /// <summary>Gets how long a connection may last before it is closed with 1001 "Maximum lifetime reached."; <see cref="TimeSpan.Zero"/>
    /// (the default) is for ever. Each is closed up to a tenth earlier, at random: what was opened together does not all come back in the
    /// same moment. It bounds for how long a decision made at the handshake holds, and lets load balancers move clients.</summary>
    public TimeSpan MaxLifetime
    {
        get;
        init => field = NotNegative(value);
    }

    /// <summary>Gets how long bytes may wait without any being taken by the peer before the connection fails; as long as
    /// <see cref="IdleTimeout"/> where null (the default), <see cref="TimeSpan.Zero"/> is off. It is looked at four times as often: a peer
    /// that vanishes is noticed after that time, or a quarter of it later. A machine that slept gives its peers that time again.</summary>
    public TimeSpan? WriteStallTimeout
    {
        get;
        init => field = value is { } set ? NotNegative(set) : null;
    }

    /// <summary>Gets the patience of the close handshake: with the peer not taking queued data, then from the Close frame to the
    /// end of the connection. 5 s by default, at least 1 ms.</summary>
    public TimeSpan CloseTimeout
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(1), nameof(CloseTimeout));
            field = value;
        }
    } = TimeSpan.FromSeconds(5);

    /// <summary>Gets how long the peer's Close frame, its end or its violation waits for the application to read what came before
    /// it; 500 ms by default.</summary>
    public TimeSpan CloseGrace
    {
        get;
        init => field = NotNegative(value);
    } = TimeSpan.FromMilliseconds(500);

    /// <summary>Gets whether reading ends with a <see cref="WebSocketClosedException"/> where the connection did not end with a
    /// clean close; true by default. Where false, reading ends normally and <see cref="WebSocketConnection.Closed"/> tells why.</summary>
    public bool ThrowOnAbnormalClose { get; init; } = true;

    /// <summary>Gets what fills a span with random bytes for mask keys (clients only); the cryptographic generator of the system
    /// by default. RFC 6455, section 10.3, demands that keys cannot be foreseen: set it in tests alone. It is called under a lock.</summary>
    public MaskSource? MaskSource { get; init; }

    /// <summary>Gets the clock of all timeouts; the system's by default.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Gets where logs go; nowhere by default.</summary>
    public ILoggerFactory LoggerFactory
    {
        get;
        init
        {
            field = value;
            _logger = null;
        }
    } = NullLoggerFactory.Instance;

    /// <summary>Gets the log of connections, the same for all that have these options.</summary>
    internal ILogger Logger => _logger ??= new GuardedLogger(LoggerFactory, typeof(WebSocketConnection).FullName!);

    /// <summary>Gets where memory is rented.</summary>
    internal Transports.BufferPool Buffers { get; init; } = Transports.BufferPool.Shared;

    internal ProtocolLimits ProtocolLimits => new()
    {
        MaxMessageSize = MaxMessageSize,
        MaxFragments = MaxFragments,
        SkipUtf8Validation = SkipUtf8Validation,
    };

    private static long AtLeast(long value, long minimum, [System.Runtime.CompilerServices.CallerMemberName] string name = "")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, minimum, name);
        return value;
    }

    private static TimeSpan NotNegative(TimeSpan value, [System.Runtime.CompilerServices.CallerMemberName] string name = "")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero, name);
        return value;
    }
}

/// <summary>Fills a span with random bytes for mask keys.</summary>
/// <param name="destination">The bytes to fill.</param>
public delegate void MaskSource(Span<byte> destination);
