using System.Numerics;
using Sockeye.Protocol;

namespace Sockeye.Fuzzing;

/// <summary>The specification as a pure function from bytes to what must become of them, over a whole recording, one byte after the
/// other. Written from RFC 6455, 3629, 7692 and 1951; it shares nothing with the code under test but the names of the rules.</summary>
public sealed class SpecModel
{
    private readonly Terms _terms;
    private readonly byte[] _wire;
    private readonly BigInteger _maxMessageSize;
    private readonly long _maxFragments;
    private readonly Outcome _outcome = new();

    private int _at;
    private List<byte> _message = [];
    private List<byte> _history = [];
    private SpecInflater? _inflater;
    private int _messageOpcode;
    private long _fragments;

    private SpecModel(Terms terms, byte[] wire)
    {
        _terms = terms;
        _wire = wire;
        _maxMessageSize = terms.MaxMessageSize > 0 ? terms.MaxMessageSize : terms.InPieces ? long.MaxValue : Array.MaxLength;
        _maxFragments = terms.MaxFragments == 0 ? long.MaxValue : terms.MaxFragments;
    }

    /// <summary>Says what a session must come to.</summary>
    public static Outcome Judge(Terms terms, byte[] wire)
    {
        var model = new SpecModel(terms, wire);
        while (model.ReadFrame())
        {
        }

        return model._outcome;
    }

    /// <summary>Says where frames begin, and where the bytes end.</summary>
    public static int[] FrameStarts(Session session) =>
        [.. Judge(session.Terms, session.Wire).FrameEnds.Prepend(0).Append(session.Wire.Length).Distinct()];

    /// <summary>Reads a frame; returns whether another can follow.</summary>
    private bool ReadFrame()
    {
        if (_wire.Length - _at < 2)
            return false;

        // Section 5.2: FIN RSV1 RSV2 RSV3 opcode(4) | MASK length(7).
        int first = _wire[_at], second = _wire[_at + 1];
        bool fin = first >= 128, masked = second >= 128;
        bool rsv1 = first / 64 % 2 == 1;
        int opcode = first % 16, shortLength = second % 128;
        bool isControl = opcode >= 8, isMessageStart = opcode is 1 or 2;
        if (first / 16 % 4 != 0)
            Break(Rule.ReservedBitsMustBeClear, 1002);
        // RFC 7692, section 6: RSV1 on the first frame of a message only.
        if (rsv1 && (_terms.Deflate == DeflateMode.None || !isMessageStart))
            Break(Rule.Rsv1MustBeClear, 1002);
        if (opcode is not (0 or 1 or 2 or 8 or 9 or 10))
            Break(Rule.OpcodeMustBeKnown, 1002);
        // Section 5.1.
        if (!masked && _terms.Receiver == Role.Server)
            Break(Rule.ClientFrameMustBeMasked, 1002);
        if (masked && _terms.Receiver == Role.Client)
            Break(Rule.ServerFrameMustNotBeMasked, 1002);
        // Sections 5.4 and 5.5.
        if (isControl && !fin)
            Break(Rule.ControlFrameMustNotBeFragmented, 1002);
        if (isControl && shortLength > 125)
            Break(Rule.ControlFrameMustBeShort, 1002);
        if (opcode == 0 && _messageOpcode == 0)
            Break(Rule.ContinuationMustFollowFragment, 1002);
        if (isMessageStart && _messageOpcode != 0)
            Break(Rule.FragmentsMustNotInterleave, 1002);
        if (_outcome.Broken.Count > 0)
            return false;

        int lengthBytes = shortLength switch { 126 => 2, 127 => 8, _ => 0 };
        if (_wire.Length - _at < 2 + lengthBytes)
            return false;
        BigInteger length = lengthBytes == 0 ? shortLength : 0;
        for (int i = 0; i < lengthBytes; i++)
            length = (length * 256) + _wire[_at + 2 + i];
        if (length >= BigInteger.Pow(2, 63))
            Break(Rule.LengthMustBeBelow2To63, 1002);
        if ((lengthBytes == 2 && length <= 125) || (lengthBytes == 8 && length <= 65_535))
            Break(Rule.LengthMustBeMinimal, 1002);
        if (_outcome.Broken.Count == 0 && !isControl)
            JudgeLimits(length, isCompressed: rsv1 || (opcode == 0 && _inflater is not null));
        if (_outcome.Broken.Count > 0)
            return false;

        int start = _at + 2 + lengthBytes + (masked ? 4 : 0);
        if (_wire.Length < start)
            return false;
        int available = (int)BigInteger.Min(length, _wire.Length - start);
        byte[] payload = new byte[available];
        // Section 5.3.
        for (int i = 0; i < available; i++)
            payload[i] = masked ? (byte)(_wire[start + i] ^ _wire[start - 4 + (i % 4)]) : _wire[start + i];
        _at = start + available;
        _outcome.FrameEnds.Add(_at);
        bool isWhole = available == length;
        if (isControl)
            return isWhole && TakeControl(opcode, payload);

        if (isMessageStart)
        {
            _messageOpcode = opcode;
            _inflater = rsv1 ? new SpecInflater(_history, _message, _maxMessageSize) : null;
        }

        _fragments++;
        return TakeData(payload, isWhole, isWhole && fin);
    }

    // The size that counts is that of the message, which a compressed frame does not tell.
    private void JudgeLimits(BigInteger length, bool isCompressed)
    {
        if (!isCompressed && _message.Count + length > _maxMessageSize)
            Break(Rule.MessageMustFitLimit, 1009);
        if (_fragments + 1 > _maxFragments)
            Break(Rule.FragmentsMustFitLimit, 1008);
    }

    /// <summary>Takes what has come of a message; returns whether another frame can follow.</summary>
    private bool TakeData(byte[] payload, bool isFrameEnd, bool isMessageEnd)
    {
        if (_inflater is null)
            _message.AddRange(payload);
        else
            _inflater.Append(payload);

        _outcome.IsUndecided |= _inflater is { IsDoomed: true };
        // In the order of the bytes of the message: text, then the limit, then where its compressed data goes wrong.
        if (!IsText(isMessageEnd && _inflater is null))
            Break(Rule.TextMustBeUtf8, 1007);
        else if (_inflater is { IsTooLong: true })
            Break(Rule.MessageMustFitLimit, 1009);
        else if (_inflater is { IsBroken: true } || (isMessageEnd && _inflater is not null && !EndInflating(_inflater)))
            Break(Rule.CompressedDataMustBeValid, 1007);
        else if (!IsText(isMessageEnd))
            Break(Rule.TextMustBeUtf8, 1007);
        if (_outcome.Broken.Count > 0)
            return false;

        if (isMessageEnd)
        {
            _outcome.Items.Add(new Item((ItemKind)_messageOpcode, [.. _message]));
            (_messageOpcode, _message, _fragments, _inflater) = (0, [], 0, null);
        }

        return isFrameEnd;
    }

    // RFC 7692, section 7.2.2: the tail that the sender left away ends the data, and does nothing else.
    private bool EndInflating(SpecInflater inflater)
    {
        int length = _message.Count;
        inflater.Append([0x00, 0x00, 0xFF, 0xFF]);
        _history = _terms.Deflate == DeflateMode.ContextTakeover ? inflater.History : [];
        return !inflater.IsBroken && !inflater.IsTooLong && !inflater.IsInsideBlock && _message.Count == length;
    }

    private bool IsText(bool isWhole) =>
        _messageOpcode != 1 || _terms.SkipsUtf8 || (Utf8.IsBegun(_message, out bool isComplete) && (isComplete || !isWhole));

    /// <summary>Takes a whole control frame (section 5.5).</summary>
    private bool TakeControl(int opcode, byte[] payload)
    {
        if (opcode != 8)
        {
            _outcome.Items.Add(new Item((ItemKind)opcode, payload));
            return true;
        }

        if (payload.Length == 0)
        {
            _outcome.Code = Outcome.NoStatus;
            return false;
        }

        if (payload.Length == 1)
        {
            Break(Rule.ClosePayloadMustHoldCode, 1002);
            return false;
        }

        // Section 7.4, and what IANA has registered.
        int code = (payload[0] * 256) + payload[1];
        bool isValid = code is 1000 or 1001 or 1002 or 1003 or 1007 or 1008 or 1009 or 1010 or 1011 or 1012 or 1013 or 1014
            || (code >= 3000 && code < 5000);
        byte[] reason = payload[2..];
        if (!isValid)
            Break(Rule.CloseCodeMustBeValid, 1002);
        else if (!_terms.SkipsUtf8 && !(Utf8.IsBegun(reason, out bool isComplete) && isComplete))
            Break(Rule.CloseReasonMustBeUtf8, 1007);
        else
            (_outcome.Code, _outcome.Reason) = (code, reason);
        return false;
    }

    private void Break(Rule rule, int code)
    {
        _outcome.Broken.Add((rule, code));
        _outcome.Code = code;
    }

    /// <summary>RFC 3629, section 4, as the table stands there.</summary>
    private static class Utf8
    {
        /// <summary>Tells whether bytes are the beginning of a text, and whether it is whole.</summary>
        public static bool IsBegun(List<byte> bytes, out bool isComplete) =>
            IsBegun(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes), out isComplete);

        public static bool IsBegun(ReadOnlySpan<byte> bytes, out bool isComplete)
        {
            isComplete = true;
            int at = 0;
            while (at < bytes.Length)
            {
                int lead = bytes[at++];
                (int more, int low, int high) = lead switch
                {
                    <= 0x7F => (0, 0, 0),
                    >= 0xC2 and <= 0xDF => (1, 0x80, 0xBF),
                    0xE0 => (2, 0xA0, 0xBF),
                    0xED => (2, 0x80, 0x9F),
                    >= 0xE1 and <= 0xEF => (2, 0x80, 0xBF),
                    0xF0 => (3, 0x90, 0xBF),
                    >= 0xF1 and <= 0xF3 => (3, 0x80, 0xBF),
                    0xF4 => (3, 0x80, 0x8F),
                    _ => (-1, 0, 0),
                };
                if (more < 0)
                    return false;
                for (; more > 0; more--)
                {
                    if (at == bytes.Length)
                    {
                        isComplete = false;
                        return true;
                    }

                    if (bytes[at] < low || bytes[at] > high)
                        return false;
                    at++;
                    (low, high) = (0x80, 0xBF);
                }
            }

            return true;
        }
    }
}
