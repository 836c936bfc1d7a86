using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sockeye.Protocol;

/// <summary>Turns received bytes into messages and control frames: the whole receiving half of the protocol (RFC 6455, sections
/// 5 and 6.2), as one door in and one door out.</summary>
/// <remarks>
/// <para>Bytes are unmasked in place, validated and counted once, as they arrive. A message that lies whole in the block is handed
/// out where it lies; only one that is not whole yet is gathered in a rented array, which grows with the bytes that arrive and
/// never with the length that a header declares. Control frames between fragments disturb nothing.</para>
/// <para>A compressed message (RFC 7692) is inflated as its bytes arrive, from where they lie into such an array. The limit holds for
/// what is inflated, and while it is inflated: one byte beyond it ends the connection. The array grows with what is inflated.</para>
/// <para>Not safe for concurrent use. After a Close frame or a violation nothing more is read.</para>
/// </remarks>
public sealed partial class MessageAssembler : IDisposable
{
    // A header with a 16-bit length and a key.
    private const int SmallestSettled = 8;

    private readonly ArrayPool<byte> _pool;
    private readonly long _maxMessageSize;
    private readonly int _maxFragments;
    private readonly Role _role;
    private readonly int _maskBit;
    private readonly int _maskSize;
    private readonly bool _checkUtf8;

    // The frame whose payload is arriving.
    private bool _inFrame;
    private bool _isFinal;
    private bool _inControl;
    private Opcode _controlOpcode;
    private uint _maskKey;
    private int _maskPhase;
    private long _frameRemaining;

    // The message that is being gathered: Opcode.Continuation where none is.
    private Opcode _message;
    private int _fragments;
    private byte[]? _gathered;
    private int _gatheredLength;
    private Utf8Validator _utf8;

    // A control frame that arrives in pieces.
    private byte[]? _control;
    private int _controlLength;

    private bool _ended;

    /// <summary>Makes an assembler for one connection.</summary>
    /// <param name="role">The role of the side that receives: a server demands masks, a client forbids them.</param>
    /// <param name="limits">The limits; <see cref="ProtocolLimits.Default"/> where null.</param>
    /// <param name="pool">Where arrays are rented; the shared pool where null.</param>
    /// <param name="inflater">Inflates compressed messages, where permessage-deflate was negotiated; without one, RSV1 is a violation.
    /// The assembler disposes it: with itself, or when the peer broke a rule.</param>
    public MessageAssembler(Role role, ProtocolLimits? limits = null, ArrayPool<byte>? pool = null, IMessageInflater? inflater = null)
    {
        limits ??= ProtocolLimits.Default;
        _role = role;
        (_maskBit, _maskSize) = role == Role.Server ? (FrameHeader.MaskBit, 4) : (0, 0);
        _pool = pool ?? ArrayPool<byte>.Shared;
        _inflater = inflater;
        _checkUtf8 = !limits.SkipUtf8Validation;
        _maxMessageSize = limits.MaxMessageSize is 0 ? Array.MaxLength : Math.Min(limits.MaxMessageSize, Array.MaxLength);
        _maxFragments = limits.MaxFragments is 0 ? int.MaxValue : limits.MaxFragments;
    }

    /// <summary>Gets whether part of a frame or of a fragmented message has been read.</summary>
    public bool IsInsideMessage => _inFrame || _message != Opcode.Continuation;

    /// <summary>Reads up to the next event.</summary>
    /// <param name="block">What has arrived and was not consumed before. What is consumed is unmasked in place and must not be
    /// presented again; what is not consumed (part of a header) is presented again with the bytes that follow it.</param>
    /// <param name="consumed">How many bytes of the block were used, also those of the event's payload.</param>
    /// <param name="received">The event; <see cref="ReceivedEventKind.None"/> where more bytes are needed.</param>
    /// <returns>Whether there is an event; call again with the rest of the block until there is none.</returns>
    public bool Read(Span<byte> block, out int consumed, out ReceivedEvent received)
    {
        // Most frames are whole, final, shorter than 64 KiB and alone: they are settled here and touch no state.
        if (!_inFrame && _message == Opcode.Continuation && block.Length >= SmallestSettled && !_ended)
        {
            ref byte start = ref MemoryMarshal.GetReference(block);
            int opcode = start - FrameHeader.FinBit;
            int length = Unsafe.Add(ref start, 1) ^ _maskBit; // more than 127 where the mask bit is wrong
            int size = 2 + _maskSize;
            bool isMinimal = length <= FrameHeader.MaxControlPayload;
            if (length == 126)
            {
                length = BinaryPrimitives.ReadUInt16BigEndian(block[2..]);
                size += 2;
                isMinimal = length > FrameHeader.MaxControlPayload;
            }

            if (opcode is (int)Opcode.Text or (int)Opcode.Binary
                && isMinimal
                && length + size <= block.Length
                && length <= _maxMessageSize)
            {
                Span<byte> payload = block.Slice(size, length);
                if (_maskSize > 0)
                    Masking.Apply(payload, Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref start, size - 4)));
                consumed = length + size;
                received = opcode == (int)Opcode.Binary || !_checkUtf8 || Utf8Text.IsValid(payload)
                    ? new ReceivedEvent((ReceivedEventKind)opcode, size, length)
                    : Fail(Rule.TextMustBeUtf8);
                return true;
            }
        }

        // The control frame that the last read handed out.
        if (!_inFrame)
            Drop(ref _control);

        consumed = 0;
        while (!_ended)
        {
            if (!_inFrame)
            {
                if (!TryBeginFrame(block, ref consumed, out received))
                    return false;
                if (received.Kind != ReceivedEventKind.None)
                    return true;
            }
            else if (consumed == block.Length)
            {
                received = default;
                return false;
            }

            int available = (int)Math.Min(_frameRemaining, block.Length - consumed);
            Span<byte> piece = block.Slice(consumed, available);
            consumed += available;
            if (TakePayload(piece, out received))
                return true;
        }

        received = default;
        return false;
    }

    /// <summary>Returns what is rented. Nothing is read afterwards.</summary>
    public void Dispose()
    {
        _ended = true;
        Drop(ref _gathered);
        Drop(ref _control);
        _inflater?.Dispose();
    }

    /// <summary>Parses a header, judges it, and settles a frame that lies whole in the block.</summary>
    /// <returns>False where the header is not whole, with the event of a violation that shows already.</returns>
    private bool TryBeginFrame(Span<byte> block, ref int consumed, out ReceivedEvent received)
    {
        received = default;
        ReadOnlySpan<byte> source = block[consumed..];
        if (!FrameReader.TryReadHeader(source, out FrameHeader header))
        {
            if (JudgeEarly(source) is { } early)
            {
                received = Fail(early);
                return true;
            }

            return false;
        }

        if (Judge(header, lengthKnown: true) is { } violation)
        {
            received = Fail(violation);
            return true;
        }

        consumed += header.Size;
        _inFrame = true;
        _isFinal = header.IsFinal;
        _inControl = header.IsControl;
        _maskKey = header.MaskKey;
        _maskPhase = 0;
        _frameRemaining = (long)header.PayloadLength;
        if (_inControl)
        {
            _controlOpcode = header.Opcode;
            _controlLength = 0;
        }
        else
        {
            if (header.Opcode != Opcode.Continuation)
            {
                _message = header.Opcode;
                _isCompressed = header.IsRsv1Set;
                _fragments = 0;
                _utf8 = default;
            }

            _fragments++;
        }

        received = TakeWhole(block, ref consumed);
        return true;
    }

    /// <summary>Hands out a frame that needs no gathering where it lies; none where it does.</summary>
    private ReceivedEvent TakeWhole(Span<byte> block, ref int consumed)
    {
        if (_frameRemaining > block.Length - consumed || !_isFinal || (!_inControl && (_gatheredLength > 0 || _isCompressed)))
            return default;

        int start = consumed;
        int length = (int)_frameRemaining;
        Span<byte> payload = block.Slice(start, length);
        Unmask(payload);
        consumed += length;
        _frameRemaining = 0;
        _inFrame = false;
        if (_inControl)
            return ControlEvent(payload, new ReceivedEvent(ControlKind, start, length));

        if (!IsValidText(payload, isLast: true))
            return Fail(Rule.TextMustBeUtf8);

        var received = new ReceivedEvent((ReceivedEventKind)_message, start, length);
        EndMessage();
        return received;
    }

    private ReceivedEventKind ControlKind => _controlOpcode switch
    {
        Opcode.Ping => ReceivedEventKind.Ping,
        Opcode.Pong => ReceivedEventKind.Pong,
        _ => ReceivedEventKind.Close,
    };

    private bool TakePayload(Span<byte> piece, out ReceivedEvent received)
    {
        if (!_inControl)
            return TakeMessagePayload(piece, inPlace: false, out received);

        Unmask(piece);
        _control ??= _pool.Rent(FrameHeader.MaxControlPayload);
        piece.CopyTo(_control.AsSpan(_controlLength));
        _controlLength += piece.Length;
        _frameRemaining -= piece.Length;
        if (_frameRemaining > 0)
        {
            received = default;
            return false;
        }

        _inFrame = false;
        received = ControlEvent(
            _control.AsSpan(0, _controlLength), new ReceivedEvent(ControlKind, _control, _controlLength));
        return true;
    }

    private ReceivedEvent ControlEvent(ReadOnlySpan<byte> payload, ReceivedEvent received)
    {
        if (_controlOpcode != Opcode.Close)
            return received;

        if (!ClosePayload.TryRead(payload, out _, out _, out Violation? violation, !_checkUtf8))
            return Fail(violation);

        _ended = true;
        Drop(ref _gathered);
        return received;
    }

    private bool IsValidText(ReadOnlySpan<byte> piece, bool isLast)
    {
        if (_message != Opcode.Text || !_checkUtf8)
            return true;
        return _utf8.Append(piece) && (!isLast || _utf8.IsComplete);
    }

    private void Unmask(Span<byte> piece)
    {
        if (_role != Role.Server)
            return;
        Masking.Apply(piece, _maskKey, _maskPhase);
        _maskPhase = (_maskPhase + piece.Length) & 3;
    }

    private void Drop(ref byte[]? array)
    {
        if (array is null)
            return;
        _pool.Return(array);
        array = null;
    }
}
