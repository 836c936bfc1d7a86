using System.Security.Cryptography;

namespace Sockeye.Tests.Connection;

/// <summary>Writes events down as short lines, so that sequences can be compared.</summary>
internal static class EventLog
{
    public static string Describe(WebSocketEvent e) => e.Kind switch
    {
        WebSocketEventKind.Close => $"Close {(int)e.CloseCode} {e.CloseReason}",
        _ => Describe(e.Kind.ToString(), e.Data),
    };

    public static string Describe(WebSocketMessage message) => Describe(message.Kind.ToString(), message.Span);

    public static string Describe(string kind, ReadOnlySpan<byte> data) =>
        $"{kind} {(data.Length <= 32 ? System.Text.Encoding.Latin1.GetString(data) : $"{data.Length}:{Hash(data)}")}";

    /// <summary>Reads events to the end, on a thread of the pool.</summary>
    public static Task<List<string>> ReadEventsAsync(WebSocketConnection connection) => Task.Run(async () =>
    {
        List<string> log = [];
        await foreach (WebSocketEvent e in connection.ReadEventsAsync())
            log.Add(Describe(e));
        return log;
    });

    /// <summary>Reads messages to the end, on a thread of the pool; the last line is the close code of an end that threw.</summary>
    public static Task<List<string>> ReadMessagesAsync(WebSocketConnection connection) => Task.Run(async () =>
    {
        List<string> log = [];
        try
        {
            await foreach (WebSocketMessage message in connection.ReadAllAsync())
                log.Add(Describe(message));
        }
        catch (WebSocketClosedException e)
        {
            log.Add($"Threw {(int)e.Result.Code}");
        }

        return log;
    });

    /// <summary>Makes bytes that differ at every place.</summary>
    public static byte[] Payload(int length, int seed = 0)
    {
        byte[] payload = new byte[length];
        new Random(seed).NextBytes(payload);
        return payload;
    }

    private static string Hash(ReadOnlySpan<byte> data) => Convert.ToHexString(SHA256.HashData(data), 0, 6);
}
