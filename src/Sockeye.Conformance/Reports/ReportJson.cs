using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sockeye.Conformance;

/// <summary>Reads and writes reports as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    WriteIndented = true)]
[JsonSerializable(typeof(SuiteReport))]
internal sealed partial class ReportJson : JsonSerializerContext
{
    /// <summary>Gets the name of a rating, such as <c>NON-STRICT</c>.</summary>
    public static string NameOf<T>(T rating)
        where T : struct, Enum => JsonSerializer.SerializeToElement(rating, Default.Options.GetTypeInfo(typeof(T))).GetString()!;

    public static Task WriteAsync(Stream stream, SuiteReport report, CancellationToken cancel) =>
        JsonSerializer.SerializeAsync(stream, report, Default.SuiteReport, cancel);

    public static ValueTask<SuiteReport?> ReadAsync(Stream stream, CancellationToken cancel) =>
        JsonSerializer.DeserializeAsync(stream, Default.SuiteReport, cancel);
}
