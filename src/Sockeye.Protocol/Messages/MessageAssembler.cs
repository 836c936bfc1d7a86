using System.Buffers;

namespace Sockeye.Protocol;

/// <summary>Turns received bytes into messages and control frames: the whole receiving half of the protocol (RFC 6455, sections
/// 5 and 6.2), as one door in and one door out.</summary>
/// <remarks>
/// <para>Bytes are unmasked in place, validated and counted once, as they arrive. A message that lies whole in the block is handed
/// out where it lies; only one that is not whole yet is gathered in a rented array, which grows with the bytes that arrive and
/// never with the length that a header declares. Control frames between fragments disturb nothing.</para>
/// <para>A compressed message (RFC 7692) is inflated as its bytes arrive, from where they lie into such an array. The limit holds for
/// what is inflated, and while it is inflated: one byte beyond it ends the connection. The array grows with what is inflated.</para>
/// <para>In pieces, nothing is gathered: what has come of a message is handed out where it lies, or in an array of its own as it is
/// inflated. The rules and the limits are the same; what breaks one shows behind pieces that were handed out before it came.</para>
/// <para>Not safe for concurrent use. After a Close frame or a violation nothing more is read.</para>
/// </remarks>
public sealed partial class MessageAssembler : IDisposable
{
    private AssemblyTerms _terms;

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
    /// <param name="inPieces">Whether messages are handed out in pieces, as they arrive, and never gathered: see
    /// <see cref="ReceivedEvent.Part"/>. The limit on their size may be beyond what an array can hold then.</param>
    public MessageAssembler(
        Role role,
        ProtocolLimits? limits = null,
        ArrayPool<byte>? pool = null,
        IMessageInflater? inflater = null,
        bool inPieces = false)
    {
        _terms = new AssemblyTerms(role, limits ?? ProtocolLimits.Default, pool ?? ArrayPool<byte>.Shared, inPieces);
        _inflater = inflater;
    }

    /// <summary>Makes an assembler that is lent to one connection after the other, with <see cref="Begin"/>.</summary>
    internal MessageAssembler(AssemblyTerms terms) => _terms = terms;

    /// <summary>Gets whether part of a frame or of a fragmented message has been read.</summary>
    public bool IsInsideMessage => _inFrame || _message != Opcode.Continuation;

    /// <summary>Reads up to the next event.</summary>
    /// <param name="block">What has arrived and was not consumed before. What is consumed is unmasked in place and must not be
    /// presented again; what is not consumed (part of a header; in pieces also what has not been inflated yet) is presented again
    /// with the bytes that follow it.</param>
    /// <param name="consumed">How many bytes of the block were used, also those of the event's payload.</param>
    /// <param name="received">The event; <see cref="ReceivedEventKind.None"/> where more bytes are needed.</param>
    /// <returns>Whether there is an event; call again with the rest of the block until there is none.</returns>
    public bool Read(Span<byte> block, out int consumed, out ReceivedEvent received)
    {
        if (!IsInsideMessage && !_ended && _terms.TryReadWhole(block, out consumed, out received))
        {
            if (received.Violation is not null)
                Dispose();
            return true;
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
            else if (consumed == block.Length && !_inflatesMore)
            {
                received = default;
                return false;
            }

            if (_terms.InPieces && !_inControl)
            {
                if (TakePiece(block, ref consumed, out received))
                    return true;
                continue;
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

    /// <summary>Takes over for a connection of which nothing is gathered.</summary>
    internal void Begin(AssemblyTerms terms, IMessageInflater? inflater)
    {
        _terms = terms;
        _inflater = inflater;
    }

    /// <summary>Ends the time with a connection, if there is nothing left that it would have to know: what was read last is done with.</summary>
    /// <returns>Whether another connection may be taken over.</returns>
    internal bool TryRest()
    {
        if (IsInsideMessage || _ended)
            return false;
        Drop(ref _control);
        _inflater = null;
        return true;
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

        return HandOut(new ReceivedEvent((ReceivedEventKind)_message, start, length), endsMessage: true);
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
        _control ??= _terms.Pool.Rent(FrameHeader.MaxControlPayload);
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

        if (!ClosePayload.TryRead(payload, out _, out _, out Violation? violation, !_terms.ChecksUtf8))
            return Fail(violation);

        _ended = true;
        Drop(ref _gathered);
        return received;
    }

    private bool IsValidText(ReadOnlySpan<byte> piece, bool isLast)
    {
        if (_message != Opcode.Text || !_terms.ChecksUtf8)
            return true;
        return _utf8.Append(piece) && (!isLast || _utf8.IsComplete);
    }

    private void Unmask(Span<byte> piece)
    {
        if (_terms.Role != Role.Server)
            return;
        Masking.Apply(piece, _maskKey, _maskPhase);
        _maskPhase = (_maskPhase + piece.Length) & 3;
    }

    private void Drop(ref byte[]? array)
    {
        if (array is null)
            return;
        _terms.Pool.Return(array);
        array = null;
    }
}
