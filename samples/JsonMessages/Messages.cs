using System.Text.Json;
using System.Text.Json.Serialization;

namespace JsonMessages;

/// <summary>What a client sends; its member <c>type</c> says which of these it is.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(Greet), "greet")]
[JsonDerivedType(typeof(Sort), "sort")]
internal record Question;

internal sealed record Greet(string? Name) : Question;

internal sealed record Sort(string[]? Words) : Question;

internal sealed record Answer(string? Text = null, string[]? Words = null, string? Problem = null);

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, AllowOutOfOrderMetadataProperties = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Question))]
[JsonSerializable(typeof(Answer))]
internal sealed partial class Json : JsonSerializerContext;
