using System.Collections.Concurrent;

namespace Sockeye.Compression;

/// <summary>A kind of codecs, and the pools from which all connections that use it are lent them.</summary>
internal sealed class Codecs
{
    /// <summary>The switch of <see cref="AppContext"/> that turns the native library off.</summary>
    public const string FallbackSwitch = "Sockeye.Compression.UseManagedFallback";

    private readonly ConcurrentDictionary<DeflaterSettings, CodecPool<Deflater>> _deflaters = new();
    private readonly Func<DeflaterSettings, Deflater> _makeDeflater;

    public Codecs(Func<DeflaterSettings, Deflater> makeDeflater, Func<Inflater> makeInflater, bool canLimitWindow)
    {
        _makeDeflater = makeDeflater;
        Inflaters = new CodecPool<Inflater>(makeInflater, Capacity);
        CanLimitWindow = canLimitWindow;
    }

    /// <summary>Gets those of the runtime's zlib where it has them; else the fallback (rule Z2).</summary>
    public static Codecs Shared { get; } = !IsFallbackAsked && NativeZLib.IsAvailable ? CreateNative() : CreateFallback();

    /// <summary>Gets whether messages can be compressed with a window of less than 15 bits: else a side must not agree to it.</summary>
    public bool CanLimitWindow { get; }

    /// <summary>Gets the inflaters.</summary>
    public CodecPool<Inflater> Inflaters { get; }

    private static bool IsFallbackAsked => AppContext.TryGetSwitch(FallbackSwitch, out bool isOn) && isOn;

    // No more than can work at once, twice over.
    private static int Capacity => 2 * Environment.ProcessorCount;

    /// <summary>Makes the codecs of the runtime's zlib.</summary>
    public static Codecs CreateNative() =>
        new(static settings => new NativeDeflater(settings), static () => new NativeInflater(), canLimitWindow: true);

    /// <summary>Makes the codecs that need nothing but what the framework promises.</summary>
    public static Codecs CreateFallback() =>
        new(static settings => new StreamDeflater(settings), static () => new ManagedInflater(), canLimitWindow: false);

    /// <summary>Gets the deflaters of some settings.</summary>
    public CodecPool<Deflater> Deflaters(DeflaterSettings settings) => _deflaters.GetOrAdd(
        settings, static (key, codecs) => new CodecPool<Deflater>(() => codecs._makeDeflater(key), Capacity), this);
}
