using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Names what a line of the log is about.</summary>
internal enum LogKind
{
    /// <summary>The suite sent a frame or bytes.</summary>
    Sent,

    /// <summary>The endpoint sent a frame.</summary>
    Received,

    /// <summary>A pause or a limit of the suite.</summary>
    Timer,

    /// <summary>The opening, the closing or the end of the connection.</summary>
    Connection,
}

/// <summary>One line of the log of a case.</summary>
/// <param name="Milliseconds">When, since the moment of opening.</param>
/// <param name="Kind">What it is about.</param>
/// <param name="Text">What happened.</param>
internal sealed record LogEntry(double Milliseconds, LogKind Kind, string Text)
{
    /// <summary>Gets the header of the frame in hexadecimal digits; null where the line is about no frame.</summary>
    public string? Header { get; init; }

    /// <summary>Gets the first bytes of its payload, unmasked, in hexadecimal digits; null where it has none.</summary>
    public string? Payload { get; init; }

    /// <summary>Gets the length of the payload in bytes; null where it is all in <see cref="Payload"/>.</summary>
    public ulong? Length { get; init; }
}

/// <summary>Keeps what happened in a case: the first frames, and all that is no frame.</summary>
internal sealed class CaseLog
{
    private const int MostFrames = 100;
    private const int MostBytes = 48;

    private readonly List<LogEntry> _entries = [];
    private int _frames;
    private int _leftOut;

    /// <summary>Gets the lines; the last one says how many frames are left out.</summary>
    public IReadOnlyList<LogEntry> Entries => _leftOut == 0
        ? _entries
        : [.. _entries, new LogEntry(_entries[^1].Milliseconds, LogKind.Connection, $"{_leftOut} more frames are left out here")];

    /// <summary>Gets the number of frames that were sent and received.</summary>
    public int Frames => _frames;

    /// <summary>Adds a line.</summary>
    /// <param name="now">The time since the moment of opening.</param>
    /// <param name="kind">What it is about.</param>
    /// <param name="text">What happened.</param>
    public void Add(TimeSpan now, LogKind kind, string text) =>
        _entries.Add(new LogEntry(Milliseconds(now), kind, text));

    /// <summary>Adds a frame, if it is one of the first.</summary>
    /// <param name="now">The time since the moment of opening.</param>
    /// <param name="kind">Whether it was sent or received.</param>
    /// <param name="header">Its header.</param>
    /// <param name="head">The bytes of that.</param>
    /// <param name="start">The first bytes of its payload, unmasked; all bytes of a Close frame.</param>
    /// <param name="note">What else there is to say.</param>
    public void AddFrame(TimeSpan now, LogKind kind, in FrameHeader header, ReadOnlySpan<byte> head, ReadOnlySpan<byte> start, string note = "")
    {
        _frames++;
        if (_frames > MostFrames)
            _leftOut++;
        else
            _entries.Add(Describe(now, kind, header, head, start, note));
    }

    private static LogEntry Describe(
        TimeSpan now, LogKind kind, in FrameHeader header, ReadOnlySpan<byte> head, ReadOnlySpan<byte> start, string note)
    {
        ReadOnlySpan<byte> shown = start[..Math.Min(start.Length, MostBytes)];
        return new LogEntry(Milliseconds(now), kind, FrameText.Describe(header, start) + note)
        {
            Header = Convert.ToHexStringLower(head),
            Payload = shown.IsEmpty ? null : Convert.ToHexStringLower(shown),
            Length = header.PayloadLength > (ulong)shown.Length ? header.PayloadLength : null,
        };
    }

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 3);
}
