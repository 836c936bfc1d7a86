namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Inflates each byte to so many zeros, and notes how many.</summary>
internal sealed class ZerosInflater(int perByte) : IMessageInflater
{
    private int _pending;

    public int First { get; init; }

    public long Inflated { get; private set; }

    public bool IsDisposed { get; private set; }

    public bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written)
    {
        consumed = 0;
        written = 0;
        while (written < destination.Length)
        {
            if (_pending == 0 && consumed == source.Length)
                break;
            if (_pending == 0)
            {
                consumed++;
                _pending = perByte + (Inflated == 0 && written == 0 ? First : 0);
            }

            int count = Math.Min(_pending, destination.Length - written);
            destination.Slice(written, count).Clear();
            written += count;
            _pending -= count;
        }

        Inflated += written;
        return true;
    }

    public bool TryEndMessage() => _pending == 0;

    public void Dispose() => IsDisposed = true;
}
