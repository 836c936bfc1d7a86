using System.Text;

namespace Sockeye.Conformance;

/// <summary>The head of an opening handshake as the suite sends it, right or wrong: a first line and fields, in which {host}, {target},
/// {key} and {accept} stand for what is known when it leaves.</summary>
internal sealed record HandshakeText(string FirstLine, params IReadOnlyList<(string Name, string Value)> Fields)
{
    /// <summary>A request as it must be.</summary>
    public static HandshakeText Request { get; } = new("GET {target} HTTP/1.1",
        ("Host", "{host}"), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "{key}"), ("Sec-WebSocket-Version", "13"));

    /// <summary>A response as it must be.</summary>
    public static HandshakeText Response { get; } = new("HTTP/1.1 101 Switching Protocols",
        ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", "{accept}"));

    /// <summary>Gets whether each byte leaves by itself.</summary>
    public bool IsByteByByte { get; init; }

    /// <summary>Makes one without a field.</summary>
    public HandshakeText Without(string name) => this with { Fields = [.. Fields.Where(field => field.Name != name)] };

    /// <summary>Makes one with one more field.</summary>
    public HandshakeText Adding(string name, string value) => this with { Fields = [.. Fields, (name, value)] };

    /// <summary>Makes one with another value of a field.</summary>
    public HandshakeText With(string name, string value) =>
        this with { Fields = [.. Fields.Select(field => field.Name == name ? (name, value) : field)] };

    /// <summary>Makes one with other letters in the names of fields.</summary>
    public HandshakeText Renaming(Func<string, string> rename) => this with { Fields = [.. Fields.Select(field => (rename(field.Name), field.Value))] };

    /// <summary>Makes the bytes.</summary>
    /// <param name="known">What stands for the names in braces.</param>
    public byte[] ToBytes(params ReadOnlySpan<(string Name, string Value)> known)
    {
        var text = new StringBuilder(FirstLine).Append("\r\n");
        foreach ((string name, string value) in Fields)
            text.Append(name).Append(": ").Append(value).Append("\r\n");
        text.Append("\r\n");
        foreach ((string name, string value) in known)
            text.Replace(name, value);
        return Encoding.Latin1.GetBytes(text.ToString());
    }

    /// <summary>Sends the bytes.</summary>
    public async Task SendAsync(Stream stream, ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        int size = IsByteByByte ? 1 : bytes.Length;
        for (; !bytes.IsEmpty; bytes = bytes[size..])
            await stream.WriteAsync(bytes[..size], cancel).ConfigureAwait(false);
    }
}
