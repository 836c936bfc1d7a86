using System.Buffers;

namespace Sockeye.Protocol;

/// <summary>Reads the values of headers that are lists of tokens, such as <c>Connection: keep-alive, Upgrade</c>.</summary>
public static class HeaderTokens
{
    private const string TokenAlphabet = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    internal static readonly SearchValues<char> TokenCharacters = SearchValues.Create(TokenAlphabet);

    internal static readonly SearchValues<byte> TokenBytes = SearchValues.Create([.. TokenAlphabet.Select(c => (byte)c)]);

    // What a value may hold: the tab, visible ASCII, the space, and bytes above 127, which mean nothing here.
    internal static readonly SearchValues<char> ValueCharacters = SearchValues.Create(
        [.. Enumerable.Range(0, 256).Where(code => code is 9 or >= 32 and not 127).Select(code => (char)code)]);

    /// <summary>Tells whether a text is a token: at least one character, and none but letters, digits and
    /// <c>!#$%&amp;'*+-.^_`|~</c> (RFC 9110, section 5.6.2).</summary>
    /// <param name="text">The text.</param>
    public static bool IsToken(ReadOnlySpan<char> text) => !text.IsEmpty && !text.ContainsAnyExcept(TokenCharacters);

    /// <summary>Tells whether a list separated by commas holds a token, in any case; an element that is more than the token does
    /// not count.</summary>
    /// <param name="value">The value of the header; null is an empty list.</param>
    /// <param name="token">The token to look for.</param>
    /// <remarks>Takes time proportional to the length of the value.</remarks>
    public static bool Contains(string? value, string token)
    {
        var cursor = new FieldCursor(value);
        return Contains(ref cursor, token);
    }

    internal static bool Contains(ref FieldCursor cursor, string token)
    {
        while (true)
        {
            cursor.SkipSeparators();
            if (cursor.IsAtEnd)
                return false;

            bool isIt = cursor.ReadToken().Equals(token, StringComparison.OrdinalIgnoreCase);
            cursor.SkipWhitespace();
            if (isIt && cursor.IsAtElementEnd())
                return true;
            cursor.SkipElement();
        }
    }
}
