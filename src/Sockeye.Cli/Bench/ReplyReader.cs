using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Sockeye.Protocol;

namespace Sockeye.Cli.Bench;

/// <summary>Reads what the server sends on one connection, and counts the messages. It looks at each header; at the payloads only in the
/// first messages, for looking at them all would measure the client.</summary>
internal sealed class ReplyReader(BenchMessages sent, int verified)
{
    private const int WorthSkipping = 16 * 1024;

    private static readonly uint _maskOfTwo = BitConverter.IsLittleEndian ? 0x0000FFFFu : 0xFFFF0000u;

    private readonly int _replySize = FrameWriter.GetHeaderSize(sent.Size, masked: false) + sent.Size;

    // A whole reply that begins so is what was expected. The longest headers do not fit: theirs are parsed.
    private readonly bool _hasFixedHead = !sent.IsCompressed && sent.Size is >= 2 and <= ushort.MaxValue;
    private readonly uint _head = HeadOf(sent);
    private readonly uint _headMask = sent.Size <= FrameHeader.MaxControlPayload ? _maskOfTwo : uint.MaxValue;

    // the frame that is being read
    private HeaderBytes _partialHeader;
    private int _partialHeaderSize;
    private FrameHeader _frame;
    private bool _isInFrame;
    private long _frameLeft;

    // the message and the control frame that are being read
    private bool _isInMessage;
    private bool _isDeflated;
    private long _messageBytes;
    private int _verified;
    private MemoryStream? _gathered;
    private MemoryStream? _control;
    private byte[]? _ping;

    /// <summary>Gets the bytes in the payloads of the messages that are whole, as the application sees them.</summary>
    public long PayloadBytes { get; private set; }

    /// <summary>Gets the bytes in the payloads of the messages that are whole, as they came.</summary>
    public long WireBytes { get; private set; }

    /// <summary>Gets whether a ping waits for its answer; <see cref="TakePing"/> takes it.</summary>
    public bool HasPing => _ping is not null;

    /// <summary>Gets the code of the Close that came; null before it comes.</summary>
    public int? CloseCode { get; private set; }

    /// <summary>Gets what is wrong with what came; null while nothing is.</summary>
    public string? Fault { get; private set; }

    /// <summary>Gets how many bytes come next that nobody looks at: the rest of a payload so large that it had better not be copied.</summary>
    public int Skippable =>
        IsVerified && _isInFrame && !_frame.IsControl && _frame.PayloadLength >= WorthSkipping ? (int)_frameLeft : 0;

    /// <summary>Gets how many bytes to receive at once: a header, where a payload to skip may stand behind it.</summary>
    public int Room => IsVerified && !_isInFrame && sent.Size >= WorthSkipping ? FrameHeader.MaxSize : int.MaxValue;

    /// <summary>Gets whether nothing has been begun that is not whole.</summary>
    public bool IsBetweenMessages => !_isInMessage && !_isInFrame && _partialHeaderSize == 0;

    private bool IsVerified => _verified == verified;

    /// <summary>Reads what has come.</summary>
    /// <returns>How many messages became whole.</returns>
    public int Read(ReadOnlySpan<byte> bytes)
    {
        int messages = 0;
        while (!bytes.IsEmpty && Fault is null)
        {
            if (_hasFixedHead && IsVerified && IsBetweenMessages)
            {
                int before = messages;
                while (bytes.Length >= _replySize && (Unsafe.ReadUnaligned<uint>(in bytes[0]) & _headMask) == _head)
                {
                    bytes = bytes[_replySize..];
                    messages++;
                }

                long payload = (long)(messages - before) * sent.Size;
                PayloadBytes += payload;
                WireBytes += payload;
                if (bytes.IsEmpty)
                    break;
            }

            bytes = _isInFrame ? ReadPayload(bytes, ref messages) : ReadHeader(bytes, ref messages);
        }

        return messages;
    }

    /// <summary>Takes note that bytes were skipped.</summary>
    /// <returns>How many messages became whole.</returns>
    public int Skip(int count)
    {
        _messageBytes += count;
        _frameLeft -= count;
        return _frameLeft == 0 && EndFrame() ? 1 : 0;
    }

    public byte[] TakePing()
    {
        byte[] ping = _ping!;
        _ping = null;
        return ping;
    }

    private static uint HeadOf(BenchMessages sent)
    {
        Span<byte> header = stackalloc byte[FrameHeader.MaxSize];
        header.Clear();
        FrameWriter.WriteHeader(header, sent.Opcode, isFinal: true, sent.Size);
        return Unsafe.ReadUnaligned<uint>(in header[0]);
    }

    private ReadOnlySpan<byte> ReadHeader(ReadOnlySpan<byte> bytes, scoped ref int messages)
    {
        // Where the header is in two pieces, it is put together.
        int had = _partialHeaderSize;
        int added = Math.Min(bytes.Length, FrameHeader.MaxSize - had);
        Span<byte> header = _partialHeader;
        bytes[..added].CopyTo(header[had..]);
        if (!FrameReader.TryReadHeader(header[..(had + added)], out _frame))
        {
            _partialHeaderSize = had + added;
            return bytes[added..];
        }

        _partialHeaderSize = 0;
        _isInFrame = true;
        _frameLeft = (long)_frame.PayloadLength;
        Fault = Judge();
        bytes = bytes[(_frame.Size - had)..];
        return _frameLeft == 0 && Fault is null ? ReadPayload(bytes, ref messages) : bytes;
    }

    private string? Judge()
    {
        if (_frame.IsMasked)
            return "the server sent a masked frame";
        if (_frame.AreReservedBitsSet || (_frame.IsRsv1Set && (!sent.IsCompressed || _isInMessage || _frame.IsControl)))
            return "the server set reserved bits that mean nothing here";
        if (_frame.IsControl)
        {
            bool isKnown = _frame.Opcode is Opcode.Close or Opcode.Ping or Opcode.Pong;
            return !isKnown || !_frame.IsFinal || _frame.PayloadLength > FrameHeader.MaxControlPayload
                ? "the server sent a control frame that is none"
                : null;
        }

        if (_frame.Opcode != (_isInMessage ? Opcode.Continuation : sent.Opcode))
            return $"the server sent a frame of the kind {_frame.Opcode}, which is not what was sent to it";
        if (!_isInMessage)
            _isDeflated = _frame.IsRsv1Set;
        _isInMessage = true;
        long most = _isDeflated ? int.MaxValue : sent.Size;
        return _frame.PayloadLength > (ulong)(most - _messageBytes)
            ? $"the server sent more than the {sent.Size} bytes of the message"
            : null;
    }

    private ReadOnlySpan<byte> ReadPayload(ReadOnlySpan<byte> bytes, scoped ref int messages)
    {
        int count = (int)Math.Min(bytes.Length, _frameLeft);
        ReadOnlySpan<byte> payload = bytes[..count];
        if (_frame.IsControl)
            (_control ??= new MemoryStream()).Write(payload);
        else
            TakeData(payload);
        _frameLeft -= count;
        if (_frameLeft == 0 && EndFrame())
            messages++;
        return bytes[count..];
    }

    /// <summary>Ends a frame.</summary>
    /// <returns>Whether its message is whole.</returns>
    private bool EndFrame()
    {
        _isInFrame = false;
        if (!_frame.IsControl)
            return _frame.IsFinal && EndMessage();
        EndControl();
        return false;
    }

    private void TakeData(ReadOnlySpan<byte> payload)
    {
        if (!IsVerified && _isDeflated)
            (_gathered ??= new MemoryStream()).Write(payload);
        else if (!IsVerified && !payload.SequenceEqual(sent.PayloadOf(_verified).Span.Slice((int)_messageBytes, payload.Length)))
            Fault = "the server sent other bytes than were sent to it";
        _messageBytes += payload.Length;
    }

    private bool EndMessage()
    {
        if (!_isDeflated && _messageBytes != sent.Size)
            Fault = $"the server sent {_messageBytes} bytes instead of {sent.Size}";
        if (_gathered is not null)
        {
            if (BenchMessages.Inflate(_gathered.GetBuffer().AsSpan(0, (int)_gathered.Length)) is not { } inflated
                || !inflated.AsSpan().SequenceEqual(sent.PayloadOf(_verified).Span))
            {
                Fault = "the server sent other bytes than were sent to it";
            }

            // What comes behind it may refer to it, where the server takes its context over.
            _gathered = null;
            _verified = verified - 1;
        }

        if (!IsVerified)
            _verified++;
        PayloadBytes += _isDeflated ? sent.Size : _messageBytes;
        WireBytes += _messageBytes;
        _messageBytes = 0;
        _isInMessage = false;
        return Fault is null;
    }

    private void EndControl()
    {
        byte[] payload = _control!.ToArray();
        _control = null;
        if (_frame.Opcode == Opcode.Ping)
            _ping = payload;
        else if (_frame.Opcode == Opcode.Close)
            CloseCode = payload.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(payload) : (int)Protocol.CloseCode.NoStatus;
    }

    [InlineArray(FrameHeader.MaxSize)]
    private struct HeaderBytes
    {
        private byte _first;
    }
}
