using System.Security.Cryptography;
using System.Text;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>An event as a test compares it.</summary>
internal readonly record struct Seen(ReceivedEventKind Kind, string Payload, Rule? Rule = null)
{
    public static Seen Text(string text) => Of(ReceivedEventKind.Text, Encoding.UTF8.GetBytes(text));

    public static Seen Text(ReadOnlySpan<byte> payload) => Of(ReceivedEventKind.Text, payload);

    public static Seen Binary(ReadOnlySpan<byte> payload) => Of(ReceivedEventKind.Binary, payload);

    public static Seen Ping(ReadOnlySpan<byte> payload) => Of(ReceivedEventKind.Ping, payload);

    public static Seen Pong(ReadOnlySpan<byte> payload) => Of(ReceivedEventKind.Pong, payload);

    public static Seen Close(ReadOnlySpan<byte> payload) => Of(ReceivedEventKind.Close, payload);

    public static Seen Broken(Rule rule) => new(ReceivedEventKind.Violation, "", rule);

    public static Seen Of(ReceivedEventKind kind, ReadOnlySpan<byte> payload) =>
        new(kind, payload.Length <= 128
            ? Convert.ToHexStringLower(payload)
            : $"{payload.Length} bytes {Convert.ToHexStringLower(SHA256.HashData(payload))}");

    public bool IsEnd => Kind is ReceivedEventKind.Close or ReceivedEventKind.Violation;
}
