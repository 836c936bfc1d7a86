using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sockeye.Tests.Json;

/// <summary>What a program sends: the compiler writes how.</summary>
internal sealed record Order(string Item, int Count, IReadOnlyList<string>? Notes = null)
{
    public static Order OfSize(int notes) => new("ä€😀 \"quoted\" <b>", 7, [.. Enumerable.Range(0, notes).Select(i => $"note {i}")]);
}

/// <summary>Refers to itself.</summary>
internal sealed class Ring
{
    public Ring? Next { get; set; }
}

/// <summary>Is written by a converter that does as the test says.</summary>
[JsonConverter(typeof(ScriptConverter))]
internal sealed record Script(Action<Utf8JsonWriter> Write);

internal sealed class ScriptConverter : JsonConverter<Script>
{
    public override Script Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

    public override void Write(Utf8JsonWriter writer, Script value, JsonSerializerOptions options) => value.Write(writer);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Ring))]
[JsonSerializable(typeof(Script))]
[JsonSerializable(typeof(List<int>))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class SampleJson : JsonSerializerContext;

[JsonSourceGenerationOptions(WriteIndented = true, IndentCharacter = '\t', IndentSize = 1, NewLine = "\r\n", MaxDepth = 200)]
[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Ring))]
internal sealed partial class IndentedJson : JsonSerializerContext;
