using System.Buffers;
using Sockeye.Compression;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Compresses what the suite sends and inflates what it receives, as was agreed (RFC 7692, section 7.2).</summary>
/// <param name="role">The role of the suite.</param>
/// <param name="agreed">What was agreed.</param>
internal sealed class MessageCodec(Role role, DeflateParameters agreed) : IDisposable
{
    // Fast, and yet with codes that are made for the data.
    private const int Level = 2;
    private const int MemoryLevel = 8;
    private const int Largest = 64 * 1024 * 1024;

    private readonly MessageDeflater _deflater = new(
        Codecs.Shared.Deflaters(new DeflaterSettings(Level, agreed.WindowBits(role), MemoryLevel, Strategy: 0)),
        keepsContext: !agreed.HasNoContextTakeover(role));

    private readonly MessageInflater _inflater = new(
        Codecs.Shared.Inflaters, keepsContext: !agreed.HasNoContextTakeover(role == Role.Client ? Role.Server : Role.Client));

    private OutputArray _compressed = new(ArrayPool<byte>.Shared, 4096);
    private OutputArray _inflated = new(ArrayPool<byte>.Shared, 4096);

    /// <summary>Compresses a message.</summary>
    /// <returns>The compressed bytes, valid until the next message.</returns>
    public ReadOnlySpan<byte> Compress(ReadOnlySpan<byte> message)
    {
        _compressed.Shorten(_compressed.Length);
        _deflater.Compress(message, ref _compressed, endsMessage: true);
        return _compressed.Written;
    }

    /// <summary>Inflates a message.</summary>
    /// <param name="compressed">The compressed bytes, without the tail that the sender left away.</param>
    /// <param name="message">The message, valid until the next one.</param>
    /// <returns>Whether the bytes are valid.</returns>
    public bool TryInflate(ReadOnlySpan<byte> compressed, out ReadOnlySpan<byte> message)
    {
        _inflated.Shorten(_inflated.Length);
        message = default;
        if (!TryInflate(compressed) || !_inflater.TryEndMessage())
            return false;

        message = _inflated.Written;
        return true;
    }

    public void Dispose()
    {
        _deflater.Dispose();
        _inflater.Dispose();
        _compressed.Return();
        _inflated.Return();
    }

    private bool TryInflate(ReadOnlySpan<byte> source)
    {
        while (true)
        {
            if (_inflated.Room.IsEmpty)
                _inflated.Grow();
            int room = _inflated.Room.Length;
            if (!_inflater.TryInflate(source, _inflated.Room, out int consumed, out int written))
                return false;
            _inflated.Advance(written);
            source = source[consumed..];
            if (_inflated.Length > Largest)
                return false;
            if (source.IsEmpty && written < room)
                return true;
            if (consumed == 0 && written == 0)
                return false;
        }
    }
}
