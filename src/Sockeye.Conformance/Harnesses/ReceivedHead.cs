using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Holds the head of an opening handshake as it came.</summary>
/// <param name="Bytes">The head.</param>
/// <param name="Beyond">What came behind it.</param>
/// <param name="Fault">The limit that it breaks; null where it is whole.</param>
internal sealed record ReceivedHead(ReadOnlyMemory<byte> Bytes, Memory<byte> Beyond, HandshakeFault? Fault)
{
    /// <summary>Reads a head.</summary>
    /// <exception cref="IOException">The connection ended or broke before the head did.</exception>
    public static async Task<ReceivedHead> ReadAsync(Stream stream, CancellationToken cancel)
    {
        byte[] received = new byte[HandshakeLimits.Default.MaxHeadBytes];
        var scanner = new HeadScanner();
        int length = 0;
        int headLength;
        HandshakeFault? fault;
        while (!scanner.TryFindEnd(received.AsSpan(0, length), out headLength, out fault) && fault is null)
        {
            int count = await stream.ReadAsync(received.AsMemory(length), cancel).ConfigureAwait(false);
            if (count == 0)
                throw new IOException("the connection ended within the opening handshake");
            length += count;
        }

        return new ReceivedHead(received.AsMemory(0, headLength), received.AsMemory(headLength..length), fault);
    }
}
