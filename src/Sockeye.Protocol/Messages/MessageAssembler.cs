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
    // A frame whose header declares much may make the array grow by this factor at a time, so that a large message is not
    // copied again at every doubling.
    private const int LargeFrameGrowth = 4;
    private const int SmallestGather = 256;

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

    /// <summary>Offers memory into which the payload that comes next may be received at once, without a copy.</summary>
    /// <param name="minimum">The fewest bytes for which that is worth it; at least 1.</param>
    /// <returns>Memory for the bytes that come next on the wire, as long as they are expected or as there is room; empty where the
    /// next bytes are not the payload of a message, where too few of them are expected, or where less than half of
    /// <paramref name="minimum"/> has come: memory follows what was received. After receiving into it, call
    /// <see cref="ReadDirect"/> before anything else.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="minimum"/> is less than 1.</exception>
    public ArraySegment<byte> GetDirectBuffer(int minimum)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(minimum, 1);
        if (_ended || !_inFrame || _inControl || _isCompressed || _frameRemaining < minimum || 2L * _gatheredLength < minimum)
            return default;

        if (DirectRoom < minimum)
            Grow(0);
        return new ArraySegment<byte>(_gathered!, _gatheredLength, DirectRoom);
    }

    /// <summary>Takes bytes that were received into <see cref="GetDirectBuffer"/>.</summary>
    /// <param name="count">How many bytes were received: at least 1, at most as many as were offered.</param>
    /// <param name="received">The event that they completed, if any.</param>
    /// <returns>Whether there is an event.</returns>
    /// <exception cref="ArgumentOutOfRangeException">So many bytes were not offered.</exception>
    public bool ReadDirect(int count, out ReceivedEvent received)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, DirectRoom);
        return TakeMessagePayload(_gathered.AsSpan(_gatheredLength, count), inPlace: true, out received);
    }

    /// <summary>Returns what is rented. Nothing is read afterwards.</summary>
    public void Dispose()
    {
        _ended = true;
        Drop(ref _gathered);
        Drop(ref _control);
        _inflater?.Dispose();
    }

    private int DirectRoom =>
        !_inFrame || _inControl || _isCompressed || _gathered is null ? 0 : (int)Math.Min(_frameRemaining, _gathered.Length - _gatheredLength);

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

    /// <summary>Judges a header of which only a part has come: a peer that stops there is told at once.</summary>
    private Violation? JudgeEarly(ReadOnlySpan<byte> source)
    {
        if (!FrameReader.TryPeekHeader(source, out FrameHeader header, out bool lengthKnown))
            return null;

        return Judge(header, lengthKnown);
    }

    // In the order in which the bytes come, so that the first rule broken is the same however they were cut.
    private Violation? Judge(in FrameHeader header, bool lengthKnown) =>
        FrameRules.CheckFirstBytes(header, _role, rsv1Allowed: _inflater is not null)
        ?? JudgeSequence(header)
        ?? (lengthKnown ? FrameRules.CheckLength(header) ?? JudgeLimits(header) : null);

    private Violation? JudgeSequence(in FrameHeader header)
    {
        if (header.IsControl)
            return null;
        if (header.Opcode == Opcode.Continuation)
            return _message == Opcode.Continuation ? Violation.Of(Rule.ContinuationMustFollowFragment) : null;
        return _message != Opcode.Continuation ? Violation.Of(Rule.FragmentsMustNotInterleave) : null;
    }

    /// <summary>Holds the limits at the header, over all fragments, before any of the payload is taken. How large a compressed message is
    /// shows only as it is inflated.</summary>
    private Violation? JudgeLimits(in FrameHeader header)
    {
        if (header.IsControl)
            return null;

        bool continues = header.Opcode == Opcode.Continuation;
        long soFar = continues ? _gatheredLength : 0;
        bool isCompressed = continues ? _isCompressed : header.IsRsv1Set;
        if (!isCompressed && header.PayloadLength > (ulong)(_maxMessageSize - soFar))
            return Violation.Of(Rule.MessageMustFitLimit);
        if ((continues ? _fragments : 0) >= _maxFragments)
            return Violation.Of(Rule.FragmentsMustFitLimit);
        return null;
    }

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

    private bool TakeMessagePayload(Span<byte> piece, bool inPlace, out ReceivedEvent received)
    {
        received = default;
        Unmask(piece);
        _frameRemaining -= piece.Length;
        bool frameEnds = _frameRemaining == 0;
        bool messageEnds = frameEnds && _isFinal;
        Rule? broken = _isCompressed ? Inflate(piece) : Gather(piece, inPlace, messageEnds);
        if (messageEnds && _isCompressed)
            broken ??= EndInflating();
        if (broken is { } rule)
        {
            received = Fail(rule);
            return true;
        }

        _inFrame = !frameEnds;
        if (!messageEnds)
            return false;

        // Only a compressed message that is empty has gathered nothing: any other empty one was taken whole.
        received = _gathered is null
            ? new ReceivedEvent((ReceivedEventKind)_message, 0, 0)
            : new ReceivedEvent((ReceivedEventKind)_message, _gathered, _gatheredLength);
        _gathered = null;
        EndMessage();
        return true;
    }

    private Rule? Gather(Span<byte> piece, bool inPlace, bool isLast)
    {
        if (!IsValidText(piece, isLast))
            return Rule.TextMustBeUtf8;
        if (!inPlace && piece.Length > 0)
        {
            if (_gathered is null || _gathered.Length - _gatheredLength < piece.Length)
                Grow(piece.Length);
            piece.CopyTo(_gathered.AsSpan(_gatheredLength));
        }

        _gatheredLength += piece.Length;
        return null;
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

    private void EndMessage()
    {
        _message = Opcode.Continuation;
        _gatheredLength = 0;
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

    /// <summary>Makes room for <paramref name="more"/> bytes that have come and for some that will: for twice what was gathered, or,
    /// where a header has declared a large frame, for as much of it as four times what has come.</summary>
    private void Grow(int more)
    {
        int needed = _gatheredLength + more;
        long declared = needed + _frameRemaining;
        long wanted = Math.Max(needed, Math.Max(SmallestGather, 2L * _gatheredLength));
        wanted = Math.Max(wanted, Math.Min(declared, (long)LargeFrameGrowth * needed));
        Resize((int)Math.Min(wanted, _maxMessageSize));
    }

    private void Resize(int size)
    {
        byte[] larger = _pool.Rent(size);
        if (_gathered is not null)
        {
            _gathered.AsSpan(0, _gatheredLength).CopyTo(larger);
            _pool.Return(_gathered);
        }

        _gathered = larger;
    }

    private ReceivedEvent Fail(Rule rule) => Fail(Violation.Of(rule));

    private ReceivedEvent Fail(Violation violation)
    {
        Dispose();
        return new ReceivedEvent(violation);
    }

    private void Drop(ref byte[]? array)
    {
        if (array is null)
            return;
        _pool.Return(array);
        array = null;
    }
}
