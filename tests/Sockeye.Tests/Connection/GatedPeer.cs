using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Makes connections whose writes are in the hands of the test.</summary>
internal static class GatedPeer
{
    /// <summary>Makes a connection whose writes are counted and can be held; it has not been started.</summary>
    public static RawPeer Create(
        Role role = Role.Server, Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure = null, int capacity = 1 << 20) =>
        RawPeer.Create(role, configure, capacity, own => new GatedTransport(own));

    /// <summary>Makes a connection whose writes are counted and can be held, and starts it.</summary>
    public static RawPeer Open(
        Role role = Role.Server, Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure = null, int capacity = 1 << 20)
    {
        RawPeer peer = Create(role, configure, capacity);
        peer.Connection.Start();
        return peer;
    }

    /// <summary>Makes a connection whose first write is held: the transport takes nothing. That write is one empty binary message,
    /// and what is sent meanwhile gathers behind it.</summary>
    public static async Task<RawPeer> OpenHeldAsync(
        Role role = Role.Server, Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? configure = null, int capacity = 1 << 20)
    {
        RawPeer peer = Open(role, configure, capacity);
        peer.Gate().Hold();
        _ = peer.Connection.SendAsync(ReadOnlyMemory<byte>.Empty);
        await peer.Gate().WriteAsync();
        return peer;
    }

    /// <summary>Gets the transport of a connection that was made here.</summary>
    public static GatedTransport Gate(this RawPeer peer) => (GatedTransport)peer.Own;

    /// <summary>Reads the frame that <see cref="OpenHeldAsync"/> sent first.</summary>
    public static async Task ReadFirstAsync(this RawPeer peer) => Assert.Empty((await peer.ReadFrameAsync())!.Payload);

    /// <summary>Reads a whole message, its fragments put together; control frames are passed over.</summary>
    public static async Task<ReceivedFrame> ReadMessageAsync(this RawPeer peer)
    {
        ReceivedFrame first = await ReadDataFrameAsync(peer);
        Assert.NotEqual(Opcode.Continuation, first.Opcode);
        if (first.IsFinal)
            return first;
        List<byte[]> pieces = [first.Payload];
        while (true)
        {
            ReceivedFrame next = await ReadDataFrameAsync(peer);
            Assert.Equal(Opcode.Continuation, next.Opcode);
            pieces.Add(next.Payload);
            if (next.IsFinal)
                return first with { IsFinal = true, Payload = [.. pieces.SelectMany(piece => piece)] };
        }
    }

    /// <summary>Runs a handler that has no use for its token.</summary>
    public static Task HandleAsync(this RawPeer peer, Func<WebSocketConnection, Task> handler) =>
        peer.Connection.RunAsync((socket, _) => handler(socket));

    /// <summary>Makes bytes that tell where they come from.</summary>
    public static byte[] Bytes(int length, int seed = 0)
    {
        byte[] bytes = new byte[length];
        new Random(length + (seed * 7919)).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Reads up to the end: a lease lasts until the next read, also beyond the end of the connection.</summary>
    public static async Task EndLeaseAsync(this RawPeer peer)
    {
        try
        {
            while (!(await peer.Connection.ReceiveAsync()).IsEnd)
            {
                // What was read ahead is dropped.
            }
        }
        catch (Exception e) when (e is WebSocketClosedException or InvalidOperationException)
        {
            // The end, or a connection with a callback, which cannot be read.
        }
    }

    private static async Task<ReceivedFrame> ReadDataFrameAsync(RawPeer peer)
    {
        while (true)
        {
            ReceivedFrame? frame = await peer.ReadFrameAsync();
            Assert.NotNull(frame);
            if (frame.Opcode <= Opcode.Binary)
                return frame;
        }
    }
}
