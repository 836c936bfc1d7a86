using System.Buffers;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>A connection under test over the in-memory transport, and its peer as bare bytes under the control of the test.</summary>
internal sealed class RawPeer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly List<byte> _received = [];
    private int _parsed;

    private RawPeer(Role role, Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure, int capacity)
    {
        Buffers = new BufferPool(Pool);
        (InMemoryTransport first, InMemoryTransport second) = InMemoryTransport.CreatePair(Buffers, BufferPool.Shared, capacity);
        Transport = second;
        var options = new WebSocketConnectionOptions { TimeProvider = Time, Buffers = Buffers };
        options = configure?.Invoke(options) ?? options;
        Connection = new WebSocketConnection(first, role, options, ConnectionDetails.None, []);
    }

    public ManualTime Time { get; } = new();

    public CountingPool Pool { get; } = new();

    public BufferPool Buffers { get; }

    public WebSocketConnection Connection { get; }

    public InMemoryTransport Transport { get; }

    private bool MasksOwnFrames => Connection.Role == Role.Server;

    /// <summary>Makes a connection that receives from now on.</summary>
    public static RawPeer Open(
        Role role = Role.Server, Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure = null, int capacity = 1 << 20)
    {
        RawPeer peer = Create(role, configure, capacity);
        peer.Connection.Start();
        return peer;
    }

    /// <summary>Makes a connection that has not been started.</summary>
    public static RawPeer Create(
        Role role = Role.Server, Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure = null, int capacity = 1 << 20) =>
        new(role, configure, capacity);

    /// <summary>Builds a frame as the peer sends it: masked towards a server.</summary>
    public byte[] Frame(Opcode opcode, ReadOnlySpan<byte> payload, bool isFinal = true)
    {
        var writer = new ArrayBufferWriter<byte>();
        FrameWriter.WriteFrame(writer, opcode, payload, isFinal, MasksOwnFrames ? 0x04030201u : null);
        return writer.WrittenSpan.ToArray();
    }

    public byte[] CloseFrame(CloseCode code = CloseCode.Normal, string reason = "")
    {
        byte[] payload = new byte[125];
        return Frame(Opcode.Close, payload.AsSpan(0, ClosePayload.Write(payload, code, reason)));
    }

    public async Task SendAsync(params byte[][] pieces)
    {
        foreach (byte[] piece in pieces)
            await Transport.SendAsync(piece, default);
    }

    public Task SendTextAsync(string text) => SendAsync(Frame(Opcode.Text, System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Reads the next frame that the connection sent; null at the end of the transport.</summary>
    public async Task<ReceivedFrame?> ReadFrameAsync()
    {
        while (true)
        {
            byte[] unparsed = [.. _received.Skip(_parsed)];
            if (FrameReader.TryReadFrame(unparsed, out FrameHeader header, out ReadOnlySpan<byte> payload))
            {
                byte[] data = payload.ToArray();
                if (header.IsMasked)
                    Masking.Apply(data, header.MaskKey);
                _parsed += header.Size + data.Length;
                return new ReceivedFrame(header.Opcode, header.IsFinal, header.IsMasked, data);
            }

            if (!await ReceiveAsync())
                return null;
        }
    }

    /// <summary>Reads frames up to the end of the transport.</summary>
    public async Task<List<ReceivedFrame>> ReadToEndAsync()
    {
        List<ReceivedFrame> frames = [];
        while (await ReadFrameAsync() is { } frame)
            frames.Add(frame);
        return frames;
    }

    /// <summary>Receives once; false at the end of the transport.</summary>
    public async Task<bool> ReceiveAsync()
    {
        ReceivedBlock block = await Transport.ReceiveAsync(default).AsTask().WaitAsync(Patience);
        _received.AddRange(block.Memory);
        Transport.Advance(block.Memory.Count);
        return !block.IsEnd;
    }

    public async ValueTask DisposeAsync()
    {
        Connection.Abort();
        await Connection.Closed.WaitAsync(Patience);
        Transport.Abort();
    }
}

/// <summary>A frame that the connection under test sent.</summary>
internal sealed record ReceivedFrame(Opcode Opcode, bool IsFinal, bool IsMasked, byte[] Payload)
{
    public string Text => System.Text.Encoding.UTF8.GetString(Payload);

    public int CloseCode => Payload.Length < 2 ? 1005 : (Payload[0] << 8) | Payload[1];

    public string CloseReason => System.Text.Encoding.UTF8.GetString(Payload.AsSpan(Math.Min(2, Payload.Length)));
}
