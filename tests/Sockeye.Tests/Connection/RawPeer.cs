using System.Buffers;
using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>A connection under test, and its peer as bare bytes under the control of the test; over the in-memory transport unless a
/// carrier is named.</summary>
internal sealed class RawPeer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private byte[] _received = new byte[4096];
    private int _parsed;
    private int _end;

    private RawPeer(
        Role role,
        Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure,
        BufferPool buffers,
        Transport own,
        Transport peer,
        DeflateAgreement? deflate = null)
    {
        Buffers = buffers;
        Own = own;
        Transport = peer;
        var options = new WebSocketConnectionOptions { TimeProvider = Time, Buffers = Buffers };
        options = configure?.Invoke(options) ?? options;
        Connection = new WebSocketConnection(own, role, options, new ConnectionDetails { Deflate = deflate }, []);
    }

    public ManualTimeProvider Time { get; } = new();

    public CountingPool Pool => (CountingPool)Buffers.Arrays;

    public BufferPool Buffers { get; }

    public WebSocketConnection Connection { get; }

    /// <summary>Gets the end of the transport that the connection holds.</summary>
    public Transport Own { get; }

    /// <summary>Gets the end of the transport that the peer holds.</summary>
    public Transport Transport { get; }

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
    /// <param name="role">The role of the connection under test.</param>
    /// <param name="configure">Sets options.</param>
    /// <param name="capacity">How many bytes each direction holds before a send waits.</param>
    /// <param name="wrap">Puts something between the connection and its transport.</param>
    /// <param name="deflate">What was agreed on for compression.</param>
    public static RawPeer Create(
        Role role = Role.Server,
        Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure = null,
        int capacity = 1 << 20,
        Func<Transport, Transport>? wrap = null,
        DeflateAgreement? deflate = null)
    {
        var buffers = new BufferPool(new CountingPool());
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(buffers, BufferPool.Shared, capacity);
        return new RawPeer(role, configure, buffers, wrap is null ? own : wrap(own), peer, deflate);
    }

    /// <summary>Makes a connection over a carrier; it has not been started.</summary>
    public static async Task<RawPeer> CreateAsync(
        Carrier carrier, Role role = Role.Server, Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure = null)
    {
        var buffers = new BufferPool(new CountingPool());
        (Transport own, Transport peer) = await Carriers.ConnectAsync(carrier, role, buffers);
        return new RawPeer(role, configure, buffers, own, peer);
    }

    /// <summary>Makes a connection over a carrier that receives from now on.</summary>
    public static async Task<RawPeer> OpenAsync(
        Carrier carrier, Role role = Role.Server, Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure = null)
    {
        RawPeer peer = await CreateAsync(carrier, role, configure);
        peer.Connection.Start();
        return peer;
    }

    /// <summary>Builds a frame as the peer sends it: masked towards a server.</summary>
    public byte[] Frame(Opcode opcode, ReadOnlySpan<byte> payload, bool isFinal = true)
    {
        var writer = new ArrayBufferWriter<byte>(payload.Length + FrameHeader.MaxSize);
        FrameWriter.WriteFrame(writer, opcode, payload, isFinal, MasksOwnFrames ? 0x04030201u : null);
        return writer.WrittenSpan.ToArray();
    }

    public byte[] TextFrame(string text, bool isFinal = true) =>
        Frame(Opcode.Text, System.Text.Encoding.UTF8.GetBytes(text), isFinal);

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

    public Task SendTextAsync(string text) => SendAsync(TextFrame(text));

    /// <summary>Reads the next frame that the connection sent; null at the end of the transport.</summary>
    public async Task<ReceivedFrame?> ReadFrameAsync()
    {
        while (true)
        {
            if (FrameReader.TryReadFrame(_received.AsSpan(_parsed, _end - _parsed), out FrameHeader header, out ReadOnlySpan<byte> payload))
            {
                byte[] data = payload.ToArray();
                if (header.IsMasked)
                    Masking.Apply(data, header.MaskKey);
                _parsed += header.Size + data.Length;
                return new ReceivedFrame(header.Opcode, header.IsFinal, header.IsMasked, data)
                {
                    MaskKey = header.MaskKey,
                    IsCompressed = header.IsRsv1Set,
                };
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
    /// <exception cref="IOException">The connection was reset.</exception>
    public async Task<bool> ReceiveAsync()
    {
        ReceivedBlock block = await Transport.ReceiveAsync(default).AsTask().WaitAsync(Patience);
        int count = block.Memory.Count;
        if (_received.Length - _end < count)
        {
            byte[] larger = new byte[Math.Max(2 * (_end - _parsed), _end - _parsed + count)];
            _received.AsSpan(_parsed, _end - _parsed).CopyTo(larger);
            _received = larger;
            _end -= _parsed;
            _parsed = 0;
        }

        block.Memory.AsSpan().CopyTo(_received.AsSpan(_end));
        _end += count;
        Transport.Advance(count);
        return !block.IsEnd;
    }

    /// <summary>Aborts what is left, and proves that everything rented came back.</summary>
    public async ValueTask DisposeAsync()
    {
        Connection.Abort();
        await Connection.Closed.WaitAsync(Patience);
        await Connection.DisposeAsync(); // the last lease
        Transport.Abort();
        await Settle.UntilAsync(() => Pool.Outstanding == 0 && Buffers.SlabsHeld == 0, () =>
            $"{Buffers.SlabsHeld} slabs held, {Pool.Outstanding} arrays out, rented at {string.Join("\n---\n", Pool.Traces)}");
        Assert.Empty((Own as GatedTransport)?.Overlaps ?? []);
    }
}

/// <summary>A frame that the connection under test sent.</summary>
internal sealed record ReceivedFrame(Opcode Opcode, bool IsFinal, bool IsMasked, byte[] Payload)
{
    public uint MaskKey { get; init; }

    /// <summary>Gets whether RSV1 is set.</summary>
    public bool IsCompressed { get; init; }

    public string Text => System.Text.Encoding.UTF8.GetString(Payload);

    public int CloseCode => Payload.Length < 2 ? 1005 : (Payload[0] << 8) | Payload[1];

    public string CloseReason => System.Text.Encoding.UTF8.GetString(Payload.AsSpan(Math.Min(2, Payload.Length)));
}
