using Sockeye.Testing;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Reads a whole recording by the letter of RFC 6455 (and RFC 7692), byte by byte and with lists: what an assembler must agree
/// with.</summary>
internal sealed class NaiveReceiver(Role receiver, byte[] wire, ProtocolLimits limits, bool? takesOver)
{
    private readonly long _maxMessageSize = limits.MaxMessageSize == 0 ? Array.MaxLength : limits.MaxMessageSize;
    private readonly int _maxFragments = limits.MaxFragments == 0 ? int.MaxValue : limits.MaxFragments;
    private readonly List<Seen> _events = [];
    private int _at;
    private int _messageOpcode;
    private List<byte> _message = [];
    private int _fragments;
    private bool _isCompressed;
    private byte[] _history = [];

    public static IReadOnlyList<Seen> Read(Role receiver, byte[] wire, ProtocolLimits limits, bool? takesOver = null)
    {
        var reader = new NaiveReceiver(receiver, wire, limits, takesOver);
        while (reader.ReadFrame())
        {
        }

        return reader._events;
    }

    // Returns whether anything can follow.
    private bool ReadFrame()
    {
        byte[] rest = wire[_at..];
        if (rest.Length < 2)
            return false;

        bool fin = (rest[0] & 0x80) != 0, rsv1 = (rest[0] & 0x40) != 0, rsv23 = (rest[0] & 0x30) != 0, masked = (rest[1] & 0x80) != 0;
        int opcode = rest[0] & 15, shortLength = rest[1] & 127;
        bool isControl = opcode >= 8;
        if (rsv23)
            return Fail(Rule.ReservedBitsMustBeClear);
        if (rsv1 && (takesOver is null || opcode is not (1 or 2)))
            return Fail(Rule.Rsv1MustBeClear);
        if (opcode is not (0 or 1 or 2 or 8 or 9 or 10))
            return Fail(Rule.OpcodeMustBeKnown);
        if (masked && receiver == Role.Client)
            return Fail(Rule.ServerFrameMustNotBeMasked);
        if (!masked && receiver == Role.Server)
            return Fail(Rule.ClientFrameMustBeMasked);
        if (isControl && !fin)
            return Fail(Rule.ControlFrameMustNotBeFragmented);
        if (isControl && shortLength > 125)
            return Fail(Rule.ControlFrameMustBeShort);
        if (opcode == 0 && _messageOpcode == 0)
            return Fail(Rule.ContinuationMustFollowFragment);
        if (opcode is 1 or 2 && _messageOpcode != 0)
            return Fail(Rule.FragmentsMustNotInterleave);

        int lengthBytes = shortLength == 126 ? 2 : shortLength == 127 ? 8 : 0;
        if (rest.Length < 2 + lengthBytes)
            return false;
        System.Numerics.BigInteger length = lengthBytes == 0 ? shortLength : 0;
        for (int i = 0; i < lengthBytes; i++)
            length = (length * 256) + rest[2 + i];
        if (length >= System.Numerics.BigInteger.Pow(2, 63))
            return Fail(Rule.LengthMustBeBelow2To63);
        if ((lengthBytes == 2 && length < 126) || (lengthBytes == 8 && length < 65_536))
            return Fail(Rule.LengthMustBeMinimal);
        bool isCompressed = opcode == 0 ? _isCompressed : rsv1;
        if (!isControl && !isCompressed && _message.Count + length > _maxMessageSize)
            return Fail(Rule.MessageMustFitLimit);
        if (!isControl && _fragments + 1 > _maxFragments)
            return Fail(Rule.FragmentsMustFitLimit);

        int headerSize = 2 + lengthBytes + (masked ? 4 : 0);
        if (rest.Length < headerSize)
            return false;
        int available = (int)System.Numerics.BigInteger.Min(length, rest.Length - headerSize);
        byte[] payload = rest[headerSize..(headerSize + available)];
        for (int i = 0; masked && i < payload.Length; i++)
            payload[i] ^= rest[headerSize - 4 + (i % 4)];
        _at += headerSize + available;
        bool isWhole = available == length;
        if (!isControl)
            _isCompressed = isCompressed;
        return isControl ? !isWhole || TakeControl(opcode, payload) : TakeData(opcode, payload, isWhole, fin);
    }

    private bool TakeData(int opcode, byte[] payload, bool isWhole, bool fin)
    {
        if (opcode != 0)
            _messageOpcode = opcode;
        _message.AddRange(payload);
        _fragments++;
        bool isEnd = isWhole && fin;
        byte[] message = [.. _message];
        bool isBroken = false;
        bool isTooLarge = false;
        if (_isCompressed)
        {
            var inflated = NaiveInflate.Read(message, _history);
            var ended = NaiveInflate.Read([.. message, 0x00, 0x00, 0xFF, 0xFF], _history);
            message = inflated.Output;
            isBroken = inflated.IsBroken || (isEnd && !NaiveMessageInflater.IsWhole(ended, message.Length));
            isTooLarge = message.Length > _maxMessageSize;
            if (isEnd && takesOver is true)
                _history = ended.History;
        }

        if (_messageOpcode == 1 && !limits.SkipUtf8Validation)
        {
            int wrong = NaiveUtf8.FirstWrong(message, out bool isComplete);
            if (wrong < Math.Min(message.Length, _maxMessageSize) || (isEnd && !isComplete && !isTooLarge && !isBroken))
                return Fail(Rule.TextMustBeUtf8);
        }

        if (isTooLarge)
            return Fail(Rule.MessageMustFitLimit);
        if (isBroken)
            return Fail(Rule.CompressedDataMustBeValid);
        if (isEnd)
        {
            _events.Add(Seen.Of((ReceivedEventKind)_messageOpcode, message));
            (_messageOpcode, _message, _fragments) = (0, [], 0);
        }

        return isWhole;
    }

    private bool TakeControl(int opcode, byte[] payload)
    {
        if (opcode != 8)
        {
            _events.Add(opcode == 9 ? Seen.Ping(payload) : Seen.Pong(payload));
            return true;
        }

        if (payload.Length == 1)
            return Fail(Rule.ClosePayloadMustHoldCode);
        if (payload.Length >= 2)
        {
            int code = (payload[0] * 256) + payload[1];
            if (code is < 1000 or (> 1003 and < 1007) or (> 1014 and < 3000) or > 4999)
                return Fail(Rule.CloseCodeMustBeValid);
            bool isText = NaiveUtf8.FirstWrong(payload.AsSpan(2), out bool isComplete) == payload.Length - 2 && isComplete;
            if (!isText && !limits.SkipUtf8Validation)
                return Fail(Rule.CloseReasonMustBeUtf8);
        }

        _events.Add(Seen.Close(payload));
        return false;
    }

    private bool Fail(Rule rule)
    {
        _events.Add(Seen.Broken(rule));
        return false;
    }
}
