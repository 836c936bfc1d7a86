using System.Runtime.CompilerServices;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Reads a head from a transport into memory of its own, and keeps what came behind it.</summary>
/// <remarks>One caller at a time. Its memory is rented: dispose it, and use nothing of it afterwards.</remarks>
internal sealed class HeadReader(Transport transport, HandshakeLimits limits, BufferPool buffers) : IDisposable
{
    private const int FirstRent = 2048;

    private HeadScanner _scanner = new(limits);
    private byte[] _buffer = [];
    private int _length;
    private int _headLength;

    /// <summary>Gets the head, once it has been read.</summary>
    public ReadOnlySpan<byte> Head => _buffer.AsSpan(0, _headLength);

    /// <summary>Gets what came behind the head.</summary>
    public ReadOnlySpan<byte> Beyond => _buffer.AsSpan(_headLength, _length - _headLength);

    /// <summary>Gets whether not a single byte has come.</summary>
    public bool IsEmpty => _length == 0;

    /// <summary>Reads until the head is whole. What follows a fault is not read.</summary>
    /// <returns>The limit or the rule that the head breaks, if any.</returns>
    /// <exception cref="EndOfStreamException">The peer ended the connection before.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<HandshakeFault?> ReadAsync()
    {
        while (true)
        {
            if (_scanner.TryFindEnd(_buffer.AsSpan(0, _length), out _headLength, out HandshakeFault? fault) || fault is not null)
                return fault;
            if (!await ReceiveAsync().ConfigureAwait(false))
                throw new EndOfStreamException("The peer ended the connection before the handshake was over.");
        }
    }

    /// <summary>Drops the head that was read, to read the next one.</summary>
    public void Next()
    {
        Beyond.CopyTo(_buffer);
        _length -= _headLength;
        _headLength = 0;
        _scanner = new HeadScanner(limits);
    }

    /// <summary>Waits for more bytes behind the head.</summary>
    /// <returns>False where the peer has ended the connection.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> ReceiveAsync()
    {
        ReceivedBlock block = await transport.ReceiveAsync(default).ConfigureAwait(false);
        Append(block.Memory);
        transport.Advance(block.Memory.Count);

        // Nothing is held while the application decides, nor left behind where the handshake fails.
        transport.ReleaseBlock();
        return block.Memory.Count > 0 || !block.IsEnd;
    }

    public void Dispose()
    {
        byte[] buffer = _buffer;
        _buffer = [];
        _length = _headLength = 0;
        if (buffer.Length > 0)
            buffers.Arrays.Return(buffer);
    }

    private void Append(ReadOnlySpan<byte> received)
    {
        if (_buffer.Length - _length < received.Length)
        {
            byte[] larger = buffers.Arrays.Rent(Math.Max(FirstRent, Math.Max(2 * _length, _length + received.Length)));
            _buffer.AsSpan(0, _length).CopyTo(larger);
            if (_buffer.Length > 0)
                buffers.Arrays.Return(_buffer);
            _buffer = larger;
        }

        received.CopyTo(_buffer.AsSpan(_length));
        _length += received.Length;
    }
}
