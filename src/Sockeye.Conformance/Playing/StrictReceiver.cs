using System.Buffers;
using System.Text.Unicode;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Parses what the endpoint sends and holds it to every rule of RFC 6455 and RFC 7692.</summary>
/// <remarks>Not the receiver of the library: it gathers and does nothing clever, since it judges that one too.</remarks>
/// <param name="role">The role of the suite.</param>
/// <param name="codec">Inflates compressed messages; null where permessage-deflate was not negotiated.</param>
internal sealed class StrictReceiver(Role role, MessageCodec? codec)
{
    private const int LargestMessage = 64 * 1024 * 1024;

    private readonly byte[] _head = new byte[FrameHeader.MaxSize];
    private readonly byte[] _control = new byte[FrameHeader.MaxControlPayload];
    private int _headLength;

    // The frame whose payload is arriving.
    private bool _inFrame;
    private FrameHeader _frame;
    private int _taken;

    // The message whose fragments are arriving.
    private Opcode _message;
    private bool _isCompressed;
    private bool _isClosed;
    private ArrayBufferWriter<byte> _gathered = new();

    /// <summary>Gets the rule that the endpoint broke; null as long as it broke none. Nothing is read afterwards.</summary>
    public string? Violation { get; private set; }

    /// <summary>Gets the frame that was read last, for the log.</summary>
    public FrameHeader Frame => _frame;

    /// <summary>Gets the bytes of its header, for the log.</summary>
    public ReadOnlySpan<byte> FrameHead => _head.AsSpan(0, _frame.Size);

    /// <summary>Gets the first bytes of its payload, for the log.</summary>
    public ReadOnlySpan<byte> FrameStart => _frame.IsControl
        ? _control.AsSpan(0, _taken)
        : _gathered.WrittenSpan[^Math.Min(_taken, _gathered.WrittenCount)..];

    /// <summary>Reads up to the end of the next frame.</summary>
    /// <param name="bytes">What has come; what is read is taken away from it, unmasked.</param>
    /// <returns>Whether a frame is whole; false where more bytes are needed or a rule is broken.</returns>
    public bool TryReadFrame(ref Span<byte> bytes)
    {
        if (Violation is not null || (!_inFrame && !TryReadHead(ref bytes)))
            return false;

        Span<byte> piece = bytes[..(int)Math.Min((ulong)bytes.Length, _frame.PayloadLength - (ulong)_taken)];
        bytes = bytes[piece.Length..];
        if (_frame.IsMasked)
            Masking.Apply(piece, _frame.MaskKey, _taken);
        if (_frame.IsControl)
            piece.CopyTo(_control.AsSpan(_taken));
        else
            _gathered.Write(piece);
        _taken += piece.Length;
        if ((ulong)_taken < _frame.PayloadLength)
            return false;

        _inFrame = false;
        return true;
    }

    /// <summary>Takes what the last frame completed.</summary>
    /// <param name="opcode">Text, Binary, Close, Ping or Pong.</param>
    /// <param name="payload">The payload, valid until the next read.</param>
    /// <returns>False where a message goes on, or where a rule is broken.</returns>
    public bool TryTake(out Opcode opcode, out ReadOnlySpan<byte> payload)
    {
        opcode = _frame.IsControl ? _frame.Opcode : _message;
        payload = _control.AsSpan(0, _frame.IsControl ? _taken : 0);
        if (_frame.IsControl)
        {
            _isClosed |= opcode == Opcode.Close;
            return true;
        }

        if (!_frame.IsFinal)
            return false;

        payload = _gathered.WrittenSpan;
        _message = Opcode.Continuation;
        if (_isCompressed && !codec!.TryInflate(_gathered.WrittenSpan, out payload))
            return Fail(codec.Fault);
        if (opcode == Opcode.Text && !Utf8.IsValid(payload))
            return Fail(Protocol.Violation.Of(Rule.TextMustBeUtf8).ToString());
        return true;
    }

    private bool TryReadHead(ref Span<byte> bytes)
    {
        while (!FrameReader.TryReadHeader(_head.AsSpan(0, _headLength), out _frame))
        {
            if (bytes.IsEmpty)
                return false;
            _head[_headLength++] = bytes[0];
            bytes = bytes[1..];
        }

        _headLength = 0;
        _taken = 0;
        _inFrame = true;
        if (FrameRules.Check(_frame, role, rsv1Allowed: codec is not null) is { } violation)
            return Fail($"{violation}: {FrameText.Describe(_frame, default)}");
        return _frame.IsControl || TryBeginData();
    }

    private bool TryBeginData()
    {
        if (_isClosed)
            return Fail("data comes behind the Close frame (RFC 6455, section 5.5.1)");

        bool continues = _frame.Opcode == Opcode.Continuation;
        if (continues != _message is not Opcode.Continuation)
            return Fail(Protocol.Violation.Of(continues ? Rule.ContinuationMustFollowFragment : Rule.FragmentsMustNotInterleave).ToString());
        if (!continues)
        {
            _message = _frame.Opcode;
            _isCompressed = _frame.IsRsv1Set;
            if (_gathered.Capacity > 1024 * 1024)
                _gathered = new ArrayBufferWriter<byte>();
            _gathered.ResetWrittenCount();
        }

        return _frame.PayloadLength + (ulong)_gathered.WrittenCount <= LargestMessage
            || Fail($"a message is larger than {LargestMessage} bytes, which no case asks for");
    }

    private bool Fail(string violation)
    {
        Violation = violation;
        return false;
    }
}
