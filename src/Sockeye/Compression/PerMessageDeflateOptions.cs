using System.Runtime.CompilerServices;
using Sockeye.Compression;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Says how deflate looks for repetitions, as zlib names it.</summary>
public enum DeflateStrategy
{
    /// <summary>For ordinary data.</summary>
    Default,

    /// <summary>For small values with a random distribution.</summary>
    Filtered,

    /// <summary>Huffman codes alone, without a search for repetitions.</summary>
    HuffmanOnly,

    /// <summary>Repetitions of the last byte alone.</summary>
    RunLengthEncoding,

    /// <summary>Without Huffman codes of its own for each block: less to write for tiny messages.</summary>
    Fixed,
}

/// <summary>Sets how messages are compressed: permessage-deflate (RFC 7692). Immutable; any number of connections may share it.</summary>
/// <remarks>
/// <para><b>Secrets.</b> What is compressed together can be guessed from its length by whoever can put text of their own beside it and
/// watch the wire (CRIME, BREACH; RFC 7692, section 8). Send messages that hold a secret with <see cref="SendOptions.Sensitive"/>, or
/// leave compression off: a server has it off by default.</para>
/// <para><b>Memory.</b> A context that is kept between messages costs about 40 KiB for each direction that receives and 140–340 KiB for
/// each that sends, per connection; without it, codecs are shared and an idle connection holds none. A smaller window and
/// <see cref="MemoryLevel"/> make it less.</para>
/// <para>A value outside its range throws <see cref="ArgumentOutOfRangeException"/> where it is set.</para>
/// </remarks>
public sealed record PerMessageDeflateOptions
{
    private SemaphoreSlim? _gate;

    /// <summary>The default options.</summary>
    public static PerMessageDeflateOptions Default { get; } = new();

    /// <summary>Gets whether the server compresses each message by itself; false by default. A client that sets it demands it; a server
    /// that sets it says so (RFC 7692, section 7.1.1.1).</summary>
    public bool ServerNoContextTakeover { get; init; }

    /// <summary>Gets whether the client compresses each message by itself; false by default. A server that sets it demands it
    /// (RFC 7692, section 7.1.1.2).</summary>
    public bool ClientNoContextTakeover { get; init; }

    /// <summary>Gets the largest window that the server compresses with, as the base-2 logarithm of its size in bytes: 8–15; 15 by
    /// default. A client that sets less demands it, and a server that does not limit its window is not used with compression
    /// (RFC 7692, section 7.1.2.1).</summary>
    public int ServerMaxWindowBits
    {
        get;
        init => field = Within(value, DeflateParameters.MinWindowBits, DeflateParameters.MaxWindowBits);
    } = DeflateParameters.MaxWindowBits;

    /// <summary>Gets the largest window that the client compresses with: 8–15; 15 by default. A server that sets less accepts only
    /// clients that can limit their window (RFC 7692, section 7.1.2.2).</summary>
    public int ClientMaxWindowBits
    {
        get;
        init => field = Within(value, DeflateParameters.MinWindowBits, DeflateParameters.MaxWindowBits);
    } = DeflateParameters.MaxWindowBits;

    /// <summary>Gets how hard compression tries: 1 (fastest) to 9 (smallest); 6 by default, as in zlib and the framework. 5 takes about a
    /// quarter less time for messages that are 1–3 % larger.</summary>
    public int Level
    {
        get;
        init => field = Within(value, 1, 9);
    } = 6;

    /// <summary>Gets how much memory the compressor uses besides its window: 1 (least) to 9; 8 by default.</summary>
    public int MemoryLevel
    {
        get;
        init => field = Within(value, 1, 9);
    } = 8;

    /// <summary>Gets how repetitions are looked for; <see cref="DeflateStrategy.Default"/> by default.</summary>
    public DeflateStrategy Strategy
    {
        get;
        init => field = (DeflateStrategy)Within((int)value, (int)DeflateStrategy.Default, (int)DeflateStrategy.Fixed);
    }

    /// <summary>Gets the size in bytes from which messages are compressed where this side keeps no context between messages; 1024 by
    /// default. With a context, small messages compress well too, and all of them are compressed.</summary>
    public int Threshold
    {
        get;
        init => field = Within(value, 0, int.MaxValue);
    } = 1024;

    /// <summary>Gets how many threads may compress or decompress at the same time, over all connections that share these options; the
    /// others wait. 0 (the default) sets no limit but that of the thread pool.</summary>
    public int ConcurrencyLimit
    {
        get;
        init => field = Within(value, 0, int.MaxValue);
    }

    /// <summary>Gets how long a connection that keeps its context may send nothing compressed before the memory of its compressor is
    /// released; 1 minute by default, <see cref="TimeSpan.Zero"/> is never. The next message then refers to no earlier one, which costs
    /// a little size and is always allowed.</summary>
    public TimeSpan IdleRelease
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero, nameof(IdleRelease));
            field = value;
        }
    } = TimeSpan.FromMinutes(1);

    /// <summary>Gets the codecs.</summary>
    internal Codecs Codecs { get; init; } = Codecs.Shared;

    /// <summary>Gets what limits the threads at work; null where nothing does.</summary>
    internal SemaphoreSlim? Gate => ConcurrencyLimit == 0
        ? null
        : _gate ?? Interlocked.CompareExchange(ref _gate, new SemaphoreSlim(ConcurrencyLimit), comparand: null) ?? _gate;

    /// <summary>Gets what is wished for in the negotiation.</summary>
    internal DeflateParameters Wishes => new()
    {
        ServerNoContextTakeover = ServerNoContextTakeover,
        ClientNoContextTakeover = ClientNoContextTakeover,
        ServerMaxWindowBits = ServerMaxWindowBits,
        ClientMaxWindowBits = ClientMaxWindowBits,
    };

    /// <summary>Makes a copy for a <c>with</c> expression, with a limit of its own.</summary>
    private PerMessageDeflateOptions(PerMessageDeflateOptions original)
    {
        ServerNoContextTakeover = original.ServerNoContextTakeover;
        ClientNoContextTakeover = original.ClientNoContextTakeover;
        ServerMaxWindowBits = original.ServerMaxWindowBits;
        ClientMaxWindowBits = original.ClientMaxWindowBits;
        Level = original.Level;
        MemoryLevel = original.MemoryLevel;
        Strategy = original.Strategy;
        Threshold = original.Threshold;
        ConcurrencyLimit = original.ConcurrencyLimit;
        IdleRelease = original.IdleRelease;
        Codecs = original.Codecs;
    }

    /// <summary>Makes the default options.</summary>
    public PerMessageDeflateOptions()
    {
    }

    private static int Within(int value, int least, int most, [CallerMemberName] string name = "")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
        return value;
    }
}
