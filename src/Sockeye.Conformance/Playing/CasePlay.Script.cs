using System.Globalization;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <content>The script: its steps, up to where it waits, and what they send.</content>
internal sealed partial class CasePlay
{
    /// <summary>Goes on with the script up to where it waits.</summary>
    private void Advance()
    {
        while (IsOpen && _pause is null && _awaited is null && !_isScriptOver)
        {
            if (_script.MoveNext())
                Do(_script.Current);
            else
                _isScriptOver = true;
        }
    }

    private void Do(CaseStep step)
    {
        switch (step)
        {
            case SendFrame frame:
                Send(frame);
                break;
            case SendMessage message:
                Send(message);
                break;
            case SendHeader header:
                FrameHeader begun = _encoder.WriteHeader(_output, header);
                Log.AddFrame(_now, LogKind.Sent, begun, _encoder.Head, default, " (the payload follows in pieces)");
                break;
            case SendPiece piece:
                _encoder.WritePiece(_output, piece.Piece);
                Log.Add(_now, LogKind.Sent, $"a piece of the payload, {piece.Piece}");
                break;
            case SendRaw raw:
                raw.Bytes.Span.CopyTo(_output.Append(raw.Bytes.Length));
                Log.Add(_now, LogKind.Sent, $"as it is, {Payload.Of(raw.Bytes)}");
                break;
            case SendClose close:
                SendClose(close.Body);
                break;
            case Wait wait:
                _pause = wait;
                _pauseEnds = _now + wait.Duration * _settings.Patience;
                break;
            case EndSending:
                Log.Add(_now, LogKind.Connection, "the suite ends its direction");
                _isClosedBySuite = true;
                _answerDue ??= _now + _settings.CloseTimeout * _settings.Patience;
                Action = TransportAction.ShutDown;
                break;
            case Reset:
                Log.Add(_now, LogKind.Connection, "the suite resets the connection");
                _isClosedBySuite = true;
                _isScriptOver = true;
                IsOver = true;
                Action = TransportAction.Reset;
                break;
            case Expect expect:
                _awaited = expect.Event;
                Meet();
                break;
            default:
                throw new InvalidOperationException($"The step {step} is not known.");
        }
    }

    private void Send(SendFrame frame)
    {
        FrameHeader header = _encoder.Write(_output, frame);
        string chop = frame.Chop == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" (in chops of {frame.Chop})");
        byte[] start = header.Opcode == Opcode.Close ? frame.Payload.ToArray() : frame.Payload.Start;
        Log.AddFrame(_now, LogKind.Sent, header, _encoder.Head, start, chop);
    }

    private void Send(SendMessage message)
    {
        ReadOnlySpan<byte> rest = message.Payload.Memory.Span;
        bool isCompressed = _codec is not null;
        if (_codec is not null)
            rest = _codec.Compress(rest);

        Opcode opcode = message.Opcode;
        int most = message.FragmentSize == 0 ? int.MaxValue : message.FragmentSize;
        do
        {
            ReadOnlySpan<byte> fragment = rest[..Math.Min(most, rest.Length)];
            rest = rest[fragment.Length..];
            FrameHeader header = _encoder.Write(_output, opcode, rest.IsEmpty, fragment, isCompressed);
            Log.AddFrame(_now, LogKind.Sent, header, _encoder.Head, fragment);
            opcode = Opcode.Continuation;
            isCompressed = false;
            if (message.Between is { } between && !rest.IsEmpty)
                Send(between);
        }
        while (!rest.IsEmpty);
    }

    /// <summary>Sends Close as the side that closes.</summary>
    private void SendClose(Payload body)
    {
        Send(new SendFrame(Opcode.Close, body));
        _isClosedBySuite = true;
        _isCloseSent = true;
        _answerDue ??= _now + _settings.CloseTimeout * _settings.Patience;
    }
}
