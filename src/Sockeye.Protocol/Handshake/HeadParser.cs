namespace Sockeye.Protocol;

/// <summary>Splits a whole head into lines and header fields, strictly by RFC 9112: no bare CR or LF, no folded lines, no space
/// before a colon.</summary>
internal ref struct HeadParser(ReadOnlySpan<byte> head)
{
    private ReadOnlySpan<byte> _rest = head;

    /// <summary>Reads one line, without its line break.</summary>
    /// <returns>The rule that the head breaks, if any.</returns>
    public HandshakeFault? ReadLine(out ReadOnlySpan<byte> line)
    {
        line = default;
        int end = _rest.IndexOfAny((byte)'\r', (byte)'\n');
        if (end < 0 || (_rest[end] == '\r' && end + 1 == _rest.Length))
            return HandshakeFault.Of(HandshakeRule.HeadMustBeWhole);
        if (_rest[end] == '\n' || _rest[end + 1] != '\n')
            return HandshakeFault.Of(HandshakeRule.LinesMustEndWithCrLf);

        line = _rest[..end];
        _rest = _rest[(end + 2)..];
        return null;
    }

    /// <summary>Reads all header lines and the empty one behind them, which must be the end.</summary>
    /// <returns>The rule that the head breaks, if any.</returns>
    public HandshakeFault? ReadHeaders(HttpHeaders headers)
    {
        while (true)
        {
            HandshakeFault? fault = ReadLine(out ReadOnlySpan<byte> line);
            if (fault is null && line.IsEmpty)
                return _rest.IsEmpty ? null : HandshakeFault.Of(HandshakeRule.HeadMustBeWhole);
            fault ??= ReadHeader(line, headers);
            if (fault is not null)
                return fault;
        }
    }

    private static HandshakeFault? ReadHeader(ReadOnlySpan<byte> line, HttpHeaders headers)
    {
        if (line[0] is (byte)' ' or (byte)'\t')
            return HandshakeFault.Of(HandshakeRule.HeaderMustNotBeFolded);

        int colon = line.IndexOf((byte)':');
        if (colon <= 0 || line[..colon].ContainsAnyExcept(HeaderTokens.TokenBytes))
            return HandshakeFault.Of(HandshakeRule.HeaderNameMustBeToken);

        string value = CommonText.Of(line[(colon + 1)..].Trim(" \t"u8));
        if (!HttpHeaders.IsValue(value))
            return HandshakeFault.Of(HandshakeRule.HeadMustHoldNoControls);

        headers.AddChecked(CommonText.Of(line[..colon]), value);
        return null;
    }
}
