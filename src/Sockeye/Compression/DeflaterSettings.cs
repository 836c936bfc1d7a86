namespace Sockeye.Compression;

/// <summary>How a deflater compresses: deflaters of the same settings stand in for one another.</summary>
/// <param name="Level">1 (fastest) to 9 (smallest).</param>
/// <param name="WindowBits">8–15; the fallback has 15 only.</param>
/// <param name="MemoryLevel">1–9; the fallback chooses its own.</param>
/// <param name="Strategy">0 (default) to 4, as zlib numbers them.</param>
internal readonly record struct DeflaterSettings(int Level, int WindowBits, int MemoryLevel, int Strategy);
