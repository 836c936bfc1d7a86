using Sockeye.Compression;

namespace Sockeye;

/// <summary>What a connection needs to compress what it sends. Guarded by its lock, but for the work of the compressor.</summary>
/// <param name="agreement">What was agreed on.</param>
internal sealed class Deflation(DeflateAgreement agreement)
{
    // A field: it is a value that changes in place.
    public OutputQueue Framed;

    private long _bytes;

    public DeflateAgreement Agreement => agreement;

    public MessageDeflater Deflater { get; } = agreement.CreateDeflater();

    /// <summary>Gets or sets what is being compressed; null for nothing.</summary>
    public OutputSegment? Current { get; set; }

    /// <summary>Gets or sets when the compressor was used last.</summary>
    public long UsedAt { get; set; }

    /// <summary>Gets how many bytes have been compressed.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Notes that bytes have been compressed.</summary>
    public void Count(int bytes) => Interlocked.Add(ref _bytes, bytes);
}
