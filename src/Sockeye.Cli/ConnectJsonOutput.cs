using System.Text.Json;
using System.Text.Json.Serialization;
using Sockeye.Protocol;

namespace Sockeye.Cli;

/// <summary>For programs: everything goes to standard output, an event a line.</summary>
internal sealed class ConnectJsonOutput(bool isVerbose) : ConnectOutput
{
    public override void Connecting(Uri uri)
    {
        if (isVerbose)
            Write(new("connecting") { Url = uri.AbsoluteUri });
    }

    public override void Asking(RequestHead request)
    {
        if (isVerbose)
            Write(new("request") { Method = request.Method, Target = request.Target, Headers = Fields(request.Headers) });
    }

    public override void Answered(ResponseHead response)
    {
        if (isVerbose)
            Write(new("response") { Status = response.StatusCode, Headers = Fields(response.Headers) });
    }

    public override void Opened(WebSocketConnection socket) => Write(new("open") { Subprotocol = socket.Subprotocol });

    public override void Received(WebSocketEvent e)
    {
        switch (e.Kind)
        {
            case WebSocketEventKind.Text:
                Write(new("text") { Text = e.Text });
                break;
            case WebSocketEventKind.Binary:
                Write(new("binary") { Data = e.ToArray() });
                break;
            default:
                if (isVerbose)
                    Write(new(e.Kind == WebSocketEventKind.Ping ? "ping" : "pong") { Data = e.ToArray() });
                break;
        }
    }

    public override void RoundTrip(TimeSpan time) => Write(new("roundtrip") { Milliseconds = time.TotalMilliseconds });

    public override void Closed(CloseResult end) =>
        Write(new("close") { Code = (int)end.Code, Reason = end.Reason, IsClean = end.IsClean });

    protected override void Failed(string message, string body) =>
        Write(new("error") { Message = message, Body = isVerbose && body.Length > 0 ? body : null });

    private static List<string> Fields(HttpHeaders headers)
    {
        List<string> fields = [];
        foreach ((string name, string value) in headers)
            fields.Add($"{name}: {value}");
        return fields;
    }

    private static void Write(ConnectEvent e) => Console.WriteLine(JsonSerializer.Serialize(e, ConnectJson.Default.ConnectEvent));
}

/// <summary>One line. Which properties there are depends on the type.</summary>
internal sealed record ConnectEvent(string Type)
{
    public string? Url { get; init; }

    public string? Method { get; init; }

    public string? Target { get; init; }

    public int? Status { get; init; }

    public IReadOnlyList<string>? Headers { get; init; }

    public string? Subprotocol { get; init; }

    public string? Text { get; init; }

    /// <summary>Gets bytes, which are written in base64.</summary>
    public byte[]? Data { get; init; }

    public double? Milliseconds { get; init; }

    public int? Code { get; init; }

    public string? Reason { get; init; }

    [JsonPropertyName("clean")]
    public bool? IsClean { get; init; }

    public string? Message { get; init; }

    public string? Body { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ConnectEvent))]
internal sealed partial class ConnectJson : JsonSerializerContext;
