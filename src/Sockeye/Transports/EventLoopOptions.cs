using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>Sets how the event loops of Linux serve connections: a few threads, each of which receives, runs handlers and sends for
/// many connections, without handing anything to another thread. Immutable.</summary>
/// <remarks>
/// <para>A handler that awaits costs nothing but itself. One that blocks its thread for some milliseconds is noticed: another thread
/// serves the others meanwhile, and the connection is run apart until its handler is quick again.</para>
/// <para>Equal options share the same loops, in the whole process. They are not used on other systems, nor on processors other than
/// x64 and arm64.</para>
/// </remarks>
public sealed record EventLoopOptions
{
    private const string Switch = "SOCKEYE_EVENT_LOOP";
    private const int MaxReceiveBufferSize = 16 * 1024 * 1024;

    /// <summary>Gets the options that hold where none are set: one loop for each processor; null, which is no event loop, where the
    /// environment variable <c>SOCKEYE_EVENT_LOOP</c> is <c>0</c>.</summary>
    public static EventLoopOptions? Default { get; } =
        Environment.GetEnvironmentVariable(Switch) == "0" ? null : new EventLoopOptions();

    /// <summary>Gets how many loops there are, and threads that lead them; 0 (the default) is one for each processor, at most 1024.</summary>
    public int Loops
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(Loops));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 1024, nameof(Loops));
            field = value;
        }
    }

    /// <summary>Gets how accepted connections come to the loops; <see cref="AcceptDistribution.InTurn"/> by default.</summary>
    public AcceptDistribution Accept
    {
        get;
        init
        {
            if (!Enum.IsDefined(value))
                throw new ArgumentOutOfRangeException(nameof(Accept), value, "Choose one of the values of AcceptDistribution.");
            field = value;
        }
    } = AcceptDistribution.InTurn;

    /// <summary>Gets the size in bytes of the buffers that the loops receive into, which is what one receive takes at most; 512 KiB by
    /// default, at least 128 KiB, at most 16 MiB. The connections of a loop share one, and each message whose bytes are kept beyond its
    /// turn keeps its part of it.</summary>
    /// <remarks>A message may be of any size, whatever the buffer's. Connections over TLS receive record by record, and are not concerned.</remarks>
    public int ReceiveBufferSize
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, ReceiveSlab.SmallestSize, nameof(ReceiveBufferSize));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaxReceiveBufferSize, nameof(ReceiveBufferSize));
            field = value;
        }
    } = ReceiveSlab.DefaultSize;

    /// <summary>Gets the loops that these options ask for; null where there are none on this system.</summary>
    internal EventLoopGroup? Group => Libc.IsKnown ? EventLoopGroup.For(this) : null;
}

/// <summary>Says how accepted connections come to the event loops.</summary>
public enum AcceptDistribution
{
    /// <summary>One loop accepts, and each connection goes to the next loop in turn.</summary>
    InTurn,

    /// <summary>Each loop listens by itself, and the kernel chooses (<c>SO_REUSEPORT</c>): accepting is spread as well, but not as evenly,
    /// and another process of the same user may listen on the same port without an error.</summary>
    ReusePort,
}
