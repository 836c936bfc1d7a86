using System.Buffers;
using Sockeye.Compression;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Compresses what the suite sends and inflates what it receives, as was agreed (RFC 7692, section 7.2).</summary>
/// <param name="role">The role of the suite.</param>
/// <param name="agreed">What was agreed.</param>
/// <param name="level">How hard to compress, 1–9.</param>
/// <param name="checksWindow">Whether what the endpoint compresses must be seen to keep within its window.</param>
internal sealed class MessageCodec(Role role, DeflateParameters agreed, int level, bool checksWindow) : IDisposable
{
    private const int MemoryLevel = 8;
    private const int Largest = 64 * 1024 * 1024;

    private readonly Role _peer = role == Role.Client ? Role.Server : Role.Client;
    private readonly NativeDeflater _deflater = new(new DeflaterSettings(level, agreed.WindowBits(role), MemoryLevel, Strategy: 0));
    private readonly NativeInflater _inflater = new();
    private OutputArray _compressed = new(ArrayPool<byte>.Shared, 4096);
    private OutputArray _inflated = new(ArrayPool<byte>.Shared, 4096);

    /// <summary>Gets the rule that the last message breaks.</summary>
    public string Fault { get; private set; } = "";

    /// <summary>Compresses a message.</summary>
    /// <returns>The compressed bytes, valid until the next message.</returns>
    public ReadOnlySpan<byte> Compress(ReadOnlySpan<byte> message)
    {
        if (message.IsEmpty)
            return EmptyMessage;

        _compressed.Shorten(_compressed.Length);
        _deflater.Compress(message, ref _compressed);
        _compressed.Shorten(Deflater.TailSize);
        if (agreed.HasNoContextTakeover(role))
            _deflater.Reset();
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
        ReadOnlySpan<byte> whole = compressed;
        Fault = "a compressed message cannot be inflated (RFC 7692, section 7.2.2)";
        bool isRoomFull;
        do
        {
            if (_inflated.Room.IsEmpty)
                _inflated.Grow();
            int room = _inflated.Room.Length;
            if (!_inflater.TryInflate(compressed, _inflated.Room, out int consumed, out int written))
                return false;
            _inflated.Advance(written);
            compressed = compressed[consumed..];
            isRoomFull = written == room;
        }
        while (isRoomFull && _inflated.Length <= Largest);

        if (isRoomFull || !_inflater.TryEndMessage())
            return false;
        if (IsSearched && DistanceReader.FindLargest(whole) is int distance && distance > 1 << agreed.WindowBits(_peer))
        {
            Fault = $"a compressed message refers {distance} bytes back, with a window of {1 << agreed.WindowBits(_peer)} (RFC 7692, section 7.1.2)";
            return false;
        }

        if (agreed.HasNoContextTakeover(_peer))
            _inflater.Reset();
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

    // DEFLATE has no distances beyond the largest window.
    private bool IsSearched => checksWindow && agreed.WindowBits(_peer) < DeflateParameters.MaxWindowBits;

    // The beginning of an empty block, of which the rest is left away (RFC 7692, section 7.2.3.6).
    private static ReadOnlySpan<byte> EmptyMessage => [0x00];
}
