using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Compression;

/// <summary>Connections that compress what they send, and a peer that reads it without the library.</summary>
internal static class DeflatedPeer
{
    public static RawPeer Open(
        Role role,
        bool keepsContext,
        Func<PerMessageDeflateOptions, PerMessageDeflateOptions>? configure = null,
        int windowBits = 15,
        Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? connection = null,
        bool wrap = false,
        int capacity = 1 << 20)
    {
        PerMessageDeflateOptions options = configure?.Invoke(PerMessageDeflateOptions.Default) ?? PerMessageDeflateOptions.Default;
        var parameters = new DeflateParameters
        {
            ServerNoContextTakeover = !keepsContext,
            ClientNoContextTakeover = !keepsContext,
            ServerMaxWindowBits = windowBits,
            ClientMaxWindowBits = windowBits,
        };
        RawPeer peer = RawPeer.Create(
            role, connection, capacity, wrap ? own => new GatedTransport(own) : null, new DeflateAgreement(role, parameters, options));
        peer.Connection.Start();
        return peer;
    }

    public static async ValueTask StreamAsync(WebSocketConnection socket, byte[] payload, int pieceSize)
    {
        await using StreamedMessage message = socket.OpenMessage(WebSocketMessageKind.Text);
        int at = 0;
        for (; payload.Length - at > pieceSize; at += pieceSize)
            await message.WriteAsync(payload.AsMemory(at, pieceSize));
        await message.CompleteAsync(payload.AsMemory(at));
    }

    public static async Task<(ReceivedFrame Message, bool IsCompressed)> ReadAsync(RawPeer peer, PeerInflater inflater)
    {
        ReceivedFrame first = (await peer.ReadFrameAsync())!;
        List<byte> payload = [.. first.Payload];
        for (ReceivedFrame frame = first; !frame.IsFinal;)
        {
            frame = (await peer.ReadFrameAsync())!;
            Assert.Equal((Opcode.Continuation, false), (frame.Opcode, frame.IsCompressed));
            payload.AddRange(frame.Payload);
        }

        byte[] data = first.IsCompressed ? inflater.Inflate([.. payload]) : [.. payload];
        return (first with { Payload = data }, first.IsCompressed);
    }

    /// <summary>Text that compresses by about half: words of a small alphabet.</summary>
    public static string Text(int length, int seed = 0)
    {
        var random = new Random((length * 31) + seed);
        return string.Create(length, random, static (span, r) =>
        {
            for (int i = 0; i < span.Length; i++)
                span[i] = (char)('a' + r.Next(12));
        });
    }
}

/// <summary>The peer's side, which shares nothing with the library.</summary>
internal sealed class PeerInflater(bool keepsContext)
{
    private byte[] _history = [];

    public int LargestDistance { get; private set; }

    public byte[] Inflate(byte[] payload)
    {
        NaiveInflate inflated = NaiveInflate.Read([.. payload, 0, 0, 0xFF, 0xFF], _history);
        Assert.False(inflated.IsBroken);
        Assert.True(inflated.IsBetweenBlocks);
        LargestDistance = Math.Max(LargestDistance, inflated.LargestDistance);
        _history = keepsContext ? inflated.History : [];
        return inflated.Output;
    }
}
