using System.Collections.Concurrent;

namespace Sockeye.Compression;

/// <summary>Chooses the codecs, and holds the pools that all connections share.</summary>
internal static class Codecs
{
    /// <summary>The switch of <see cref="AppContext"/> that turns the native library off.</summary>
    public const string FallbackSwitch = "Sockeye.Compression.UseManagedFallback";

    private static readonly ConcurrentDictionary<DeflaterSettings, CodecPool<Deflater>> DeflaterPools = new();

    /// <summary>Gets whether the runtime's zlib compresses; else the fallback, which has a window of 15 bits only: then a side must not
    /// agree to compress with a smaller one (rule Z2).</summary>
    public static bool AreNative { get; } = !IsFallbackAsked && NativeZLib.IsAvailable;

    /// <summary>Gets the inflaters.</summary>
    public static CodecPool<Inflater> Inflaters { get; } = new(AreNative ? static () => new NativeInflater() : static () => new ManagedInflater(), Capacity);

    private static bool IsFallbackAsked => AppContext.TryGetSwitch(FallbackSwitch, out bool isOn) && isOn;

    // No more than can work at once, twice over.
    private static int Capacity => 2 * Environment.ProcessorCount;

    /// <summary>Gets the deflaters of some settings.</summary>
    public static CodecPool<Deflater> Deflaters(DeflaterSettings settings) =>
        DeflaterPools.GetOrAdd(settings, static key => new(AreNative ? () => new NativeDeflater(key) : () => new StreamDeflater(key), Capacity));
}
