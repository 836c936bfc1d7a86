using System.Text;
using Sockeye.Compression;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>A message for many connections: framed once, and compressed once for all connections that agreed on the same parameters.</summary>
/// <remarks>Immutable, and safe to send from any thread, any number of times. What is compressed for many refers to no other message,
/// so that it is longer than it would be for one connection that keeps its context; and the next message of such a connection refers
/// to none before it. A client masks each message anew (RFC 6455, section 5.3): there it is sent as any other.</remarks>
public sealed class PreparedMessage
{
    private readonly ReadOnlyMemory<byte> _frame;
    private readonly int _header;
    private readonly Lock _sync = new();
    private Compressed? _compressed;

    /// <summary>Prepares a message.</summary>
    /// <param name="payload">The payload, which is copied.</param>
    /// <param name="kind">What the message carries; the payload of text must be valid UTF-8.</param>
    /// <param name="options">Whether it may be compressed.</param>
    /// <exception cref="ArgumentException">The kind is none, or the text is not UTF-8.</exception>
    public PreparedMessage(
        ReadOnlySpan<byte> payload, WebSocketMessageKind kind = WebSocketMessageKind.Binary, SendOptions options = SendOptions.None)
    {
        if (kind is not (WebSocketMessageKind.Text or WebSocketMessageKind.Binary))
            throw new ArgumentException($"A message is Text or Binary; {kind} cannot be sent.", nameof(kind));
        if (kind == WebSocketMessageKind.Text && !Utf8Text.IsValid(payload))
            throw new ArgumentException("The payload is not valid UTF-8, which a text message must be: send it as Binary.", nameof(payload));
        Kind = kind;
        Options = options;
        (_frame, _header) = MakeFrame(payload, kind);
    }

    /// <summary>Prepares a text message.</summary>
    /// <param name="text">The text; a lone surrogate is sent as U+FFFD.</param>
    /// <param name="options">Whether it may be compressed.</param>
    public PreparedMessage(string text, SendOptions options = SendOptions.None)
        : this(Encode(text), WebSocketMessageKind.Text, options)
    {
    }

    private PreparedMessage(in Incoming received)
    {
        Kind = (WebSocketMessageKind)received.Kind;
        (_frame, _header) = MakeFrame(received.Payload, Kind);
    }

    /// <summary>Gets what the message carries.</summary>
    public WebSocketMessageKind Kind { get; }

    /// <summary>Gets whether it may be compressed.</summary>
    public SendOptions Options { get; }

    /// <summary>Gets the payload.</summary>
    public ReadOnlyMemory<byte> Payload => _frame[_header..];

    /// <summary>Gets the frame that a server sends where the message is not compressed.</summary>
    internal ReadOnlyMemory<byte> Frame => _frame;

    /// <summary>Gets the frame that a server sends where these settings were agreed on; it is made at the first call.</summary>
    /// <exception cref="InvalidOperationException">The codec failed.</exception>
    internal ReadOnlyMemory<byte> CompressedFrame(DeflateAgreement agreement)
    {
        DeflaterSettings settings = agreement.DeflaterSettings;
        lock (_sync)
        {
            for (Compressed? made = _compressed; made is not null; made = made.Next)
            {
                if (made.Settings == settings)
                    return made.Frame;
            }

            _compressed = new Compressed(settings, Compress(agreement), _compressed);
            return _compressed.Frame;
        }
    }

    /// <summary>Prepares a message that was received, and need not be checked again.</summary>
    internal static PreparedMessage Of(in Incoming received) => new(received);

    private static (byte[] Frame, int Header) MakeFrame(ReadOnlySpan<byte> payload, WebSocketMessageKind kind)
    {
        int header = FrameWriter.GetHeaderSize(payload.Length, masked: false);
        byte[] frame = new byte[header + payload.Length];
        FrameWriter.WriteHeader(frame, (Opcode)kind, isFinal: true, payload.Length);
        payload.CopyTo(frame.AsSpan(header));
        return (frame, header);
    }

    private byte[] Compress(DeflateAgreement agreement)
    {
        using MessageDeflater deflater = agreement.CreateDeflater();
        var output = new OutputArray(System.Buffers.ArrayPool<byte>.Shared, Math.Max(256, Payload.Length / 2));
        try
        {
            deflater.Compress(Payload.Span, ref output, endsMessage: true);
            ReadOnlySpan<byte> compressed = output.Written;
            Diagnostics.Telemetry.Deflated(Payload.Length, compressed.Length);
            byte[] frame = new byte[FrameWriter.GetHeaderSize(compressed.Length, masked: false) + compressed.Length];
            int header = FrameWriter.WriteHeader(frame, (Opcode)Kind, isFinal: true, compressed.Length, rsv1: true);
            compressed.CopyTo(frame.AsSpan(header));
            return frame;
        }
        finally
        {
            output.Return();
        }
    }

    private static byte[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Encoding.UTF8.GetBytes(text);
    }

    private sealed record Compressed(DeflaterSettings Settings, ReadOnlyMemory<byte> Frame, Compressed? Next);
}
