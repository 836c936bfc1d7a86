using System.Text;

namespace Sockeye.Protocol;

/// <summary>Walks through the value of a header once, from left to right, and counts its steps.</summary>
internal ref struct FieldCursor(ReadOnlySpan<char> text)
{
    private readonly ReadOnlySpan<char> _text = text;
    private int _position;

    /// <summary>Counts the characters looked at, for tests of linear time.</summary>
    public int Examined { get; private set; }

    public readonly bool IsAtEnd => _position == _text.Length;

    public void SkipWhitespace()
    {
        while (!IsAtEnd && _text[_position] is ' ' or '\t')
            Step(1);
    }

    /// <summary>Skips what separates the elements of a list: commas, and space around them. Empty elements count for nothing
    /// (RFC 9110, section 5.6.1).</summary>
    public void SkipSeparators()
    {
        while (!IsAtEnd && _text[_position] is ' ' or '\t' or ',')
            Step(1);
    }

    /// <summary>Skips the rest of an element that nobody understands.</summary>
    public void SkipElement()
    {
        int length = _text[_position..].IndexOf(',');
        Step(length < 0 ? _text.Length - _position : length);
    }

    public bool TryTake(char character)
    {
        Examined++;
        if (IsAtEnd || _text[_position] != character)
            return false;
        _position++;
        return true;
    }

    /// <summary>Tells whether an element ends here.</summary>
    public bool IsAtElementEnd()
    {
        Examined++;
        return IsAtEnd || _text[_position] == ',';
    }

    /// <summary>Reads a token (RFC 9110, section 5.6.2); empty where there is none.</summary>
    public ReadOnlySpan<char> ReadToken()
    {
        ReadOnlySpan<char> rest = _text[_position..];
        int length = rest.IndexOfAnyExcept(HeaderTokens.TokenCharacters);
        if (length < 0)
            length = rest.Length;
        Step(length);
        return rest[..length];
    }

    /// <summary>Reads what follows the opening quote of a quoted string (RFC 9110, section 5.6.4), without its escapes.</summary>
    /// <returns>Null where it does not end.</returns>
    public string? ReadQuoted()
    {
        var unescaped = new StringBuilder();
        while (!IsAtEnd)
        {
            char character = _text[_position];
            Step(1);
            if (character == '"')
                return unescaped.ToString();
            if (character == '\\')
            {
                if (IsAtEnd)
                    return null;
                character = _text[_position];
                Step(1);
            }

            unescaped.Append(character);
        }

        return null;
    }

    private void Step(int count)
    {
        _position += count;
        Examined += count;
    }
}
