using System.Buffers;

namespace Sockeye.Protocol;

/// <summary>Searches for the end of a head while it arrives, and holds it to its limits.</summary>
/// <remarks>Resumable: what has been searched is never searched again, however small the pieces are. Not safe for several
/// threads at a time.</remarks>
public sealed class HeadScanner
{
    private const byte Tab = 9;
    private const byte LineFeed = 10;
    private const byte CarriageReturn = 13;

    private static readonly SearchValues<byte> Controls = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Select(code => (byte)code), 127]);

    private readonly HandshakeLimits _limits;
    private int _position;
    private int _lineStart;
    private int _lines;

    /// <summary>Makes a scanner for one head.</summary>
    /// <param name="limits">The limits; <see cref="HandshakeLimits.Default"/> where null.</param>
    public HeadScanner(HandshakeLimits? limits = null) => _limits = limits ?? HandshakeLimits.Default;

    /// <summary>Counts the bytes looked at, for tests of linear time.</summary>
    internal long Examined { get; private set; }

    /// <summary>Searches what has arrived since the last call.</summary>
    /// <param name="received">Everything that has arrived so far, from the first byte of the head.</param>
    /// <param name="headLength">The length of the head in bytes, the empty line at its end included, where it is whole.</param>
    /// <param name="fault">The rule that the head breaks, told as soon as it does; nothing is to be searched afterwards.</param>
    /// <returns>Whether the head is whole. False without a fault: more bytes are needed.</returns>
    public bool TryFindEnd(ReadOnlySpan<byte> received, out int headLength, out HandshakeFault? fault)
    {
        headLength = 0;
        fault = null;
        ReadOnlySpan<byte> window = received[..Math.Min(received.Length, _limits.MaxHeadBytes)];
        while (_position < window.Length)
        {
            int found = window[_position..].IndexOfAny(Controls);
            Examined += found < 0 ? window.Length - _position : found + 1;
            int at = found < 0 ? window.Length : _position + found;
            if (found < 0 || window[at] == Tab)
            {
                _position = found < 0 ? at : at + 1;
                continue;
            }

            _position = at;
            if ((fault = CheckLine()) is not null)
                return false;
            if (window[at] != CarriageReturn)
            {
                fault = HandshakeFault.Of(window[at] == LineFeed
                    ? HandshakeRule.LinesMustEndWithCrLf
                    : HandshakeRule.HeadMustHoldNoControls);
                return false;
            }

            if (at + 1 == window.Length)
                break; // its line feed may follow
            if (window[at + 1] != LineFeed)
            {
                fault = HandshakeFault.Of(HandshakeRule.LinesMustEndWithCrLf);
                return false;
            }

            if (at == _lineStart && _lines > 0)
            {
                headLength = at + 2;
                return true;
            }

            _position = at + 2;
            _lineStart = _position;
            _lines++;
        }

        fault = CheckLine() ?? (window.Length == _limits.MaxHeadBytes ? HandshakeFault.Of(HandshakeRule.HeadMustFitLimit) : null);
        return false;
    }

    /// <summary>Judges the line that is being read, up to where it has been searched.</summary>
    private HandshakeFault? CheckLine()
    {
        if (_position - _lineStart > _limits.MaxLineBytes)
        {
            return HandshakeFault.Of(
                _lines == 0 ? HandshakeRule.StartLineMustFitLimit : HandshakeRule.HeaderLineMustFitLimit);
        }

        if (_lines > _limits.MaxHeaderLines && _position > _lineStart)
            return HandshakeFault.Of(HandshakeRule.HeaderLinesMustFitLimit);
        return null;
    }
}
