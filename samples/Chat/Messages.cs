using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat;

/// <summary>What a page sends: a text and a key of its own making, or nothing, which says that somebody is typing.</summary>
internal sealed record FromPage(string? Text, string? Key);

/// <summary>What a page gets.</summary>
/// <param name="Type"><c>welcome</c>, <c>said</c>, <c>people</c> or <c>typing</c>.</param>
internal sealed record ToPage(string Type)
{
    /// <summary>Gets who said it, is typing, or has come or gone.</summary>
    public string? Name { get; init; }

    public string? Text { get; init; }

    /// <summary>Gets the key under which its page sent it, which knows by that that it arrived, and that it is its own.</summary>
    public string? Key { get; init; }

    /// <summary>Gets when it was said, in milliseconds of Unix time; no two messages of a room have the same.</summary>
    public long? Time { get; init; }

    /// <summary>Gets the name that somebody had who comes again under another one.</summary>
    public string? Was { get; init; }

    /// <summary>Gets whether somebody has come; null where nobody has come or gone.</summary>
    public bool? HasCome { get; init; }

    public IReadOnlyList<string>? People { get; init; }

    /// <summary>Gets what was said since the page was there last.</summary>
    public IReadOnlyList<ToPage>? Missed { get; init; }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(FromPage))]
[JsonSerializable(typeof(ToPage))]
internal sealed partial class Json : JsonSerializerContext;
