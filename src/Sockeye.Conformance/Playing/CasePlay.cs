using System.Globalization;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Plays one case: bytes and the time go in, bytes come out. It does no input and output and reads no clock.</summary>
/// <remarks>One caller at a time. All times count from the moment of opening.</remarks>
internal sealed partial class CasePlay : IDisposable
{
    private readonly ConformanceCase _case;
    private readonly PlaySettings _settings;
    private readonly FrameEncoder _encoder;
    private readonly StrictReceiver _receiver;
    private readonly MessageCodec? _codec;
    private readonly List<PeerEvent> _events = [];
    private Outgoing _output = new();
    private TimeSpan _now;

    // The script.
    private readonly IEnumerator<CaseStep> _script;
    private bool _isScriptOver;
    private PeerEvent? _awaited;
    private int _met;
    private Wait? _pause;

    // Deadlines; null where there is none.
    private TimeSpan? _pauseEnds;
    private TimeSpan? _limit;
    private TimeSpan? _answerDue;
    private TimeSpan? _dropDue;

    // How it ends.
    private bool _isCloseSent;
    private bool _isCloseReceived;
    private bool _isClosedBySuite;
    private bool _isDroppedBySuite;
    private int? _closeCode;
    private string _closeReason = "";
    private string? _mismatch;
    private string? _violation;
    private string? _givenUp;

    public CasePlay(ConformanceCase testCase, PlaySettings settings)
    {
        _case = testCase;
        _settings = settings;
        _encoder = new FrameEncoder(settings.Role, settings.NextMask);
        _codec = settings.Deflate is null ? null : new MessageCodec(settings.Role, settings.Deflate, testCase.DeflateLevel, testCase.ChecksWindow);
        _receiver = new StrictReceiver(settings.Role, _codec);
        _script = testCase.Script.GetEnumerator();
    }

    public CaseLog Log { get; } = new();

    /// <summary>Gets whether nothing is to come any more.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Gets what is to be done with the transport, behind the output.</summary>
    public TransportAction Action { get; private set; }

    /// <summary>Gets when <see cref="Tick"/> is to be called; null for never.</summary>
    public TimeSpan? Deadline
    {
        get
        {
            if (IsOver)
                return null;
            TimeSpan? first = _pauseEnds;
            foreach (TimeSpan? other in (ReadOnlySpan<TimeSpan?>)[_limit, _answerDue, _dropDue])
            {
                if (other < (first ?? TimeSpan.MaxValue))
                    first = other;
            }

            return first;
        }
    }

    /// <summary>Gets whether nothing is to be read now: the script plays a slow reader.</summary>
    public bool HoldsReading => _pause is { HoldsReading: true } && !IsOver;

    /// <summary>Gets what was seen so far.</summary>
    public Transcript Transcript => new()
    {
        Events = _events,
        IsScriptOver = _isScriptOver,
        Mismatch = _mismatch,
        Violation = _violation,
        IsClosedBySuite = _isClosedBySuite,
        IsClean = _isCloseSent && _isCloseReceived,
        CloseCode = _closeCode,
        CloseReason = _closeReason,
        IsDroppedBySuite = _isDroppedBySuite,
        GivenUp = _givenUp,
    };

    private bool IsOpen => !IsOver && !_isCloseReceived;

    /// <summary>Begins, at the moment of opening.</summary>
    public void Start()
    {
        _limit = _case.Limit.After * _settings.Patience;
        Advance();
        CloseWhenDone();
    }

    /// <summary>Takes bytes that have come.</summary>
    /// <param name="bytes">The bytes; they are unmasked in place.</param>
    /// <param name="now">The time.</param>
    public void Receive(Span<byte> bytes, TimeSpan now)
    {
        _now = now;
        while (!IsOver && _receiver.TryReadFrame(ref bytes))
        {
            Log.AddFrame(now, LogKind.Received, _receiver.Frame, _receiver.FrameHead, _receiver.FrameStart);
            if (_receiver.TryTake(out Opcode opcode, out ReadOnlySpan<byte> payload))
                Take(opcode, payload);
        }

        if (_receiver.Violation is { } violation && !IsOver)
        {
            _violation = violation;
            GiveUp($"The endpoint broke a rule: {violation}.");
        }

        // Not before all that has come was looked at: it may hold a Close frame, and then the endpoint was first.
        CloseWhenDone();
    }

    /// <summary>Takes note that the endpoint has ended TCP.</summary>
    public void ReceiveEnd(bool isReset, TimeSpan now)
    {
        if (IsOver)
            return;
        _now = now;
        Log.Add(now, LogKind.Connection, isReset ? "the endpoint reset the connection" : "the endpoint ended the connection");
        IsOver = true;
    }

    /// <summary>Does what is due.</summary>
    public void Tick(TimeSpan now)
    {
        _now = now;
        if (_pauseEnds <= now && IsOpen)
            EndPause();
        CloseWhenDone();
        if (_limit <= now && IsOpen)
            EndLimit();
        if (_answerDue <= now && !IsOver)
            GiveUp(_isCloseSent ? "The endpoint did not answer Close in time." : "The endpoint did not end the connection in time.");
        if (_dropDue <= now && !IsOver)
        {
            // A server ends TCP itself; its client may take its time.
            _isDroppedBySuite = _settings.Role == Role.Client;
            GiveUp("The endpoint did not end TCP after the closing handshake.");
        }
    }

    /// <summary>Hands out what is to be sent.</summary>
    /// <param name="spare">An empty one, for what comes next.</param>
    /// <returns>The output; null where there is none, and then the spare one stays with the caller.</returns>
    public Outgoing? TakeOutput(Outgoing spare)
    {
        if (_output.IsEmpty)
            return null;
        Outgoing output = _output;
        _output = spare;
        return output;
    }

    public void Dispose()
    {
        _script.Dispose();
        _codec?.Dispose();
    }

    private void CloseWhenDone()
    {
        if (_isScriptOver && IsOpen && !_isClosedBySuite && _case.Close.By == Side.Suite && Judge.IsComplete(_case, _events))
            SendClose(Closing.Body(1000));
    }

    private void Take(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        if (opcode == Opcode.Close)
        {
            TakeClose(payload);
            return;
        }

        PeerEventKind kind = opcode switch
        {
            Opcode.Text => PeerEventKind.Text,
            Opcode.Binary => PeerEventKind.Binary,
            Opcode.Ping => PeerEventKind.Ping,
            _ => PeerEventKind.Pong,
        };
        if (opcode == Opcode.Ping && !_isClosedBySuite)
            Send(new SendFrame(Opcode.Pong, Payload.Of(payload.ToArray())));
        if (_case.CountsMessagesAlone && kind is (PeerEventKind.Ping or PeerEventKind.Pong))
            return;
        // What comes as it is awaited needs no copy.
        if (_awaited is { } awaited && _events.Count == 0 && awaited.Kind == kind && awaited.Payload.IsSameAs(payload))
        {
            _awaited = null;
            _met++;
            Advance();
            return;
        }

        _events.Add(new PeerEvent(kind, Payload.Of(payload.ToArray())));
        Meet();
    }

    /// <summary>Compares the event that the script awaits with the first one that is there.</summary>
    private void Meet()
    {
        if (_awaited is not { } awaited || _events.Count == 0)
            return;
        if (_events[0].IsSameAs(awaited))
        {
            _events.RemoveAt(0);
            _awaited = null;
            _met++;
            return;
        }

        _mismatch = string.Create(CultureInfo.InvariantCulture,
            $"after {_met} events that were as expected came {_events[0]} instead of {awaited}");
        GiveUp($"What came is not what was expected: {_mismatch}.");
    }

    private void TakeClose(ReadOnlySpan<byte> body)
    {
        if (_isCloseReceived)
            return;
        if (!ClosePayload.TryRead(body, out CloseCode code, out string reason, out Violation? violation))
        {
            _violation = violation.ToString();
            GiveUp($"The Close frame of the endpoint breaks a rule: {violation}.");
            return;
        }

        _isCloseReceived = true;
        _closeCode = body.IsEmpty ? null : (int)code;
        _closeReason = reason;
        if (!_isClosedBySuite)
        {
            Send(new SendFrame(Opcode.Close, _closeCode is { } answer ? Closing.Body(answer) : Payload.Empty));
            _isCloseSent = true;
        }

        _limit = _pauseEnds = _answerDue = null;
        _dropDue = _now + _settings.DropTimeout * _settings.Patience;
        if (_settings.Role == Role.Server)
            Action = TransportAction.ShutDown;
    }

    private void EndPause()
    {
        if (_pause?.Name is { } name)
        {
            Log.Add(_now, LogKind.Timer, $"the timer {name} has run out, and the connection is open");
            _events.Add(PeerEvent.Timeout(name));
        }

        _pause = null;
        _pauseEnds = null;
        Advance();
    }

    private void EndLimit()
    {
        _limit = null;
        if (_case.Limit.Fails)
        {
            GiveUp("The time of the case is over.");
            return;
        }

        Log.Add(_now, LogKind.Timer, "the time of the case is over");
        if (!_isCloseSent)
            SendClose(Closing.Body(1000));
    }

    /// <summary>Fails the connection.</summary>
    private void GiveUp(string why)
    {
        Log.Add(_now, LogKind.Connection, why);
        _givenUp = why;
        _isClosedBySuite |= !_isCloseReceived;
        IsOver = true;
        Action = TransportAction.Abort;
    }
}
