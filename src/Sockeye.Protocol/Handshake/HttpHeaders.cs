using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Sockeye.Protocol;

/// <summary>Holds the header fields of a request or a response, in the order and with the names in which they stand.</summary>
/// <remarks>Names compare without regard to case (ASCII). A lookup scans the list, which a head's limits keep short.
/// Many threads may read it at a time, none while another adds.</remarks>
public sealed class HttpHeaders : IEnumerable<KeyValuePair<string, string>>
{
    private readonly List<KeyValuePair<string, string>> _fields;

    /// <summary>Makes an empty list.</summary>
    public HttpHeaders() => _fields = [];

    /// <summary>Makes an empty list with room for some fields.</summary>
    internal HttpHeaders(int capacity) => _fields = new List<KeyValuePair<string, string>>(capacity);

    /// <summary>Makes a list with the fields of another.</summary>
    /// <param name="headers">The fields to copy.</param>
    public HttpHeaders(HttpHeaders headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        _fields = [.. headers._fields];
    }

    /// <summary>Gets the number of fields; a name that stands twice counts twice.</summary>
    public int Count => _fields.Count;

    /// <summary>Gets the value of a field: null where it is absent, all its values joined by <c>", "</c> where it is repeated
    /// (RFC 9110, section 5.3).</summary>
    /// <param name="name">The name, in any case.</param>
    [SuppressMessage("Design", "MA0007", Justification = "The value is what a head holds.")]
    public string? this[string name]
    {
        get
        {
            string? found = null;
            List<string>? several = null;
            foreach ((string key, string value) in _fields)
            {
                if (!IsSame(key, name))
                    continue;
                if (found is null)
                    found = value;
                else
                    (several ??= [found]).Add(value);
            }

            return several is null ? found : string.Join(", ", several);
        }
    }

    /// <summary>Adds a field behind the others.</summary>
    /// <param name="name">The name: a token (RFC 9110, section 5.6.2), such as <c>X-Request-Id</c>.</param>
    /// <param name="value">The value, without line breaks and other control characters (a tab is allowed). Space around it is not
    /// part of it. Each character stands for one byte (ISO 8859-1): percent-encode others.</param>
    /// <exception cref="ArgumentException">The name or the value cannot stand in a head.</exception>
    public void Add(string name, string value)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(value);
        if (!HeaderTokens.IsToken(name))
        {
            throw new ArgumentException(
                $"'{PeerText.Escape(name)}' is no header name: use letters, digits and !#$%&'*+-.^_`|~ only.", nameof(name));
        }

        if (!IsValue(value))
        {
            throw new ArgumentException(
                $"The value of the header {name} holds a line break, another control character or one above U+00FF: "
                    + $"'{PeerText.Escape(value)}'. Encode it, for instance with Uri.EscapeDataString.",
                nameof(value));
        }

        AddChecked(name, value.Trim(' ', '\t'));
    }

    /// <summary>Removes a field, as often as it stands there.</summary>
    /// <param name="name">The name, in any case.</param>
    /// <returns>Whether it was there.</returns>
    public bool Remove(string name) => _fields.RemoveAll(field => IsSame(field.Key, name)) > 0;

    /// <summary>Tells whether a field is present.</summary>
    /// <param name="name">The name, in any case.</param>
    public bool Contains(string name)
    {
        foreach ((string key, _) in _fields)
        {
            if (IsSame(key, name))
                return true;
        }

        return false;
    }

    /// <summary>Gets each value of a field, in order; none where it is absent.</summary>
    /// <param name="name">The name, in any case.</param>
    public IReadOnlyList<string> GetValues(string name)
    {
        int count = Find(name, out _);
        if (count == 0)
            return [];
        string[] values = new string[count];
        count = 0;
        foreach ((string key, string value) in _fields)
        {
            if (IsSame(key, name))
                values[count++] = value;
        }

        return values;
    }

    /// <summary>Gets the fields in their order.</summary>
    public List<KeyValuePair<string, string>>.Enumerator GetEnumerator() => _fields.GetEnumerator();

    IEnumerator<KeyValuePair<string, string>> IEnumerable<KeyValuePair<string, string>>.GetEnumerator() => _fields.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _fields.GetEnumerator();

    /// <summary>Counts a field, and gets its first value; null where it is absent.</summary>
    internal int Find(string name, out string? first)
    {
        first = null;
        int count = 0;
        foreach ((string key, string value) in _fields)
        {
            if (!IsSame(key, name))
                continue;
            first ??= value;
            count++;
        }

        return count;
    }

    /// <summary>Tells whether a value can stand in a head: no control characters but the tab (RFC 9110, section 5.5).</summary>
    internal static bool IsValue(ReadOnlySpan<char> value) => !value.ContainsAnyExcept(HeaderTokens.ValueCharacters);

    /// <summary>Adds a field whose name and value are known to be valid.</summary>
    internal void AddChecked(string name, string value) => _fields.Add(new(name, value));

    private static bool IsSame(string one, string other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);
}
