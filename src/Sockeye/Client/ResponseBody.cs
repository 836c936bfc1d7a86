using System.Buffers;

namespace Sockeye;

/// <summary>Holds the beginning of the body of a response that is no upgrade, for people to see why.</summary>
/// <remarks>Lenient: what is malformed or breaks off ends the body. Bounded in every direction. While one thread reads, another may take
/// what has come.</remarks>
internal abstract class ResponseBody
{
    public const int MaxBytes = 64 * 1024;

    // Guarded by itself.
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>Gets how many bytes more are taken.</summary>
    protected int Room => MaxBytes - _bytes.WrittenCount;

    /// <summary>Reads until the end of the body, or of the connection, or of the room. What has come until then may tell enough: it
    /// throws for nothing that the peer does.</summary>
    public async ValueTask ReadAsync()
    {
        try
        {
            await ReadAllAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or HttpRequestException or OperationCanceledException)
        {
        }
    }

    /// <summary>Gives what has come.</summary>
    public byte[] ToArray()
    {
        lock (_bytes)
            return _bytes.WrittenSpan.ToArray();
    }

    /// <summary>Reads until the end of the body, or until there is no room.</summary>
    protected abstract ValueTask ReadAllAsync();

    /// <summary>Takes bytes, no more than there is room for.</summary>
    protected void Take(ReadOnlySpan<byte> bytes)
    {
        lock (_bytes)
            _bytes.Write(bytes);
    }
}
