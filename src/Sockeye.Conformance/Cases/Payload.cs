using System.Text;

namespace Sockeye.Conformance;

/// <summary>Holds the bytes of a frame or a message as a pattern that repeats, so that 16 MiB cost nothing until they are sent.</summary>
/// <remarks>Immutable.</remarks>
internal sealed class Payload
{
    private const int LongestPreview = 48;

    private readonly ReadOnlyMemory<byte> _pattern;

    private Payload(ReadOnlyMemory<byte> pattern, int length)
    {
        _pattern = pattern;
        Length = length;
    }

    public static Payload Empty { get; } = new(default, 0);

    public int Length { get; }

    /// <summary>Gets all bytes, without a copy where the pattern does not repeat.</summary>
    public ReadOnlyMemory<byte> Memory => _pattern.Length == Length ? _pattern : ToArray();

    /// <summary>Gets as many of the first bytes as are shown.</summary>
    public byte[] Start
    {
        get
        {
            byte[] start = new byte[Math.Min(Length, LongestPreview)];
            for (int i = 0; i < start.Length; i++)
                start[i] = _pattern.Span[i % _pattern.Length];
            return start;
        }
    }

    public static Payload Of(ReadOnlyMemory<byte> bytes) => new(bytes, bytes.Length);

    public static Payload Text(string text) => Of(Encoding.UTF8.GetBytes(text));

    /// <summary>Makes a payload of hexadecimal digits; spaces between bytes are left out.</summary>
    public static Payload Hex(string digits) => Of(Convert.FromHexString(digits.Replace(" ", "", StringComparison.Ordinal)));

    public static Payload Repeat(ReadOnlyMemory<byte> pattern, int length) => new(pattern, length);

    public static Payload Repeat(char character, int length) => new(new[] { (byte)character }, length);

    public void CopyTo(Span<byte> destination)
    {
        int copied = Math.Min(_pattern.Length, Length);
        _pattern.Span[..copied].CopyTo(destination);
        while (copied < Length)
        {
            int more = Math.Min(copied, Length - copied);
            // Whole patterns only, but for the last piece: what follows goes on where the pattern stands.
            destination[..more].CopyTo(destination[copied..]);
            copied += more;
        }
    }

    public byte[] ToArray()
    {
        byte[] bytes = new byte[Length];
        CopyTo(bytes);
        return bytes;
    }

    /// <summary>Tells whether bytes are those of this payload.</summary>
    public bool IsSameAs(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length)
            return false;

        int period = Math.Min(_pattern.Length, Length);
        return bytes[..period].SequenceEqual(_pattern.Span[..period]) && bytes[period..].SequenceEqual(bytes[..^period]);
    }

    /// <summary>Tells whether both hold the same bytes.</summary>
    public bool IsSameAs(Payload other) =>
        other.Length == other._pattern.Length ? IsSameAs(other._pattern.Span) : IsSameAs(other.ToArray());

    /// <summary>Shows the length and the first bytes: as text where they are printable ASCII.</summary>
    public override string ToString() => Describe(Start, Length);

    /// <summary>Shows a length and the first bytes of that many.</summary>
    public static string Describe(ReadOnlySpan<byte> start, long length)
    {
        if (length == 0)
            return "empty";
        if (start.IsEmpty)
            return $"{length} bytes";
        ReadOnlySpan<byte> shown = start[..Math.Min(start.Length, LongestPreview)];
        string dots = length > shown.Length ? "…" : "";
        string text = shown.ContainsAnyExceptInRange((byte)' ', (byte)'~')
            ? Convert.ToHexStringLower(shown) + dots
            : $"\"{Encoding.ASCII.GetString(shown)}{dots}\"";
        return length == 1 ? $"1 byte {text}" : $"{length} bytes {text}";
    }
}
