using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>Sending over the transports of the operating system, which take what they have room for.</summary>
public sealed class TransportSendTests
{
    [Theory]
    [InlineData(Role.Server, false)]
    [InlineData(Role.Client, false)]
    [InlineData(Role.Server, true)]
    [InlineData(Role.Client, true)]
    public async Task S2_Large_and_small_messages_arrive_whole_where_each_write_is_taken_in_parts(Role role, bool isStream)
    {
        (WebSocketConnection connection, Socket peer, BufferPool buffers) = await OpenAsync(role, isStream);
        byte[][] payloads = [.. Enumerable.Range(0, 30).Select(i => GatedPeer.Bytes(i % 3 == 0 ? 700_000 : 100 * i, i))];
        Task sending = Task.Run(async () =>
        {
            foreach (byte[] payload in payloads)
                await connection.SendAsync(payload);
            await connection.DrainAsync();
        });
        using (peer)
        {
            var reader = new NetworkStream(peer);
            foreach (byte[] payload in payloads)
                AssertSame(payload, await ReadFrameAsync(reader));
            await sending.Soon();
            Assert.Equal(0, connection.BufferedBytes);
        }

        await EndAsync(connection, buffers);
    }

    [Theory]
    [InlineData(Role.Server, false)]
    [InlineData(Role.Client, false)]
    [InlineData(Role.Server, true)]
    [InlineData(Role.Client, true)]
    public async Task S1_Abort_while_a_write_is_under_way_ends_it_and_returns_everything(Role role, bool isStream)
    {
        (WebSocketConnection connection, Socket peer, BufferPool buffers) = await OpenAsync(role, isStream);
        Task large = connection.SendAsync(new byte[50_000_000]).AsTask();
        Task behind = connection.SendAsync(new byte[20_000]).AsTask();
        using (peer)
        {
            // A part has been taken: the write is under way, and the peer reads no more of it.
            Assert.True(await peer.ReceiveAsync(new byte[1000]) > 0);
            connection.Abort();
            await Assert.ThrowsAsync<WebSocketClosedException>(() => large.Soon());
            await Assert.ThrowsAsync<WebSocketClosedException>(() => behind.Soon());
        }

        CloseResult result = await connection.Closed.Soon();
        Assert.Equal(2, result.UnsentMessages);
        Assert.InRange(result.UnsentBytes, 20_000, 50_020_000);
        await EndAsync(connection, buffers);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task S1_A_peer_that_resets_fails_the_sends_that_wait(bool isStream)
    {
        (WebSocketConnection connection, Socket peer, BufferPool buffers) = await OpenAsync(Role.Server, isStream);
        Task large = connection.SendAsync(new byte[50_000_000]).AsTask();
        Assert.True(await peer.ReceiveAsync(new byte[1000]) > 0);
        peer.LingerState = new LingerOption(enable: true, seconds: 0);
        peer.Dispose();
        WebSocketClosedException e = await Assert.ThrowsAsync<WebSocketClosedException>(() => large.Soon());
        // The kernel tells of the reset once: where the write took it, the read may see an end before the write has said so.
        Assert.Contains(e.Result.Cause, (CloseCause[])[CloseCause.TransportFailed, CloseCause.TransportEnded]);
        Assert.Equal((CloseCode.Abnormal, false, 1L), (e.Result.Code, e.Result.IsClean, e.Result.UnsentMessages));
        await EndAsync(connection, buffers);
    }

    private static async Task<(WebSocketConnection Connection, Socket Peer, BufferPool Buffers)> OpenAsync(Role role, bool isStream)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var own = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { SendBufferSize = 16 * 1024 };
        await own.ConnectAsync(listener.LocalEndPoint!);
        Socket peer = await listener.AcceptAsync();
        // Anybody may connect to a port, also who means one that had its number before.
        Assert.Equal(own.LocalEndPoint, peer.RemoteEndPoint);
        var buffers = new BufferPool(new CountingPool());
        Transport transport = isStream
            ? new StreamTransport(new NetworkStream(own, ownsSocket: true), buffers)
            : new SocketTransport(own, buffers);
        var connection = new WebSocketConnection(
            transport, role, WebSocketConnectionOptions.Default with { Buffers = buffers }, ConnectionDetails.None, []);
        connection.Start();
        return (connection, peer, buffers);
    }

    /// <summary>Tells where what came differs: half a megabyte would say nothing.</summary>
    private static void AssertSame(byte[] sent, byte[] received)
    {
        Assert.Equal(sent.Length, received.Length);
        int same = sent.AsSpan().CommonPrefixLength(received);
        Assert.True(
            same == sent.Length,
            $"The first {same} of {sent.Length} bytes are those that were sent; then came {Convert.ToHexString(received.AsSpan(same, Math.Min(40, received.Length - same)))}.");
    }

    private static async Task<byte[]> ReadFrameAsync(NetworkStream reader)
    {
        byte[] head = new byte[FrameHeader.MaxSize];
        int length = 0;
        FrameHeader header;
        while (!FrameReader.TryReadHeader(head.AsSpan(0, length), out header))
        {
            await reader.ReadExactlyAsync(head.AsMemory(length, 1)).Soon();
            length++;
        }

        byte[] payload = new byte[header.PayloadLength];
        await reader.ReadExactlyAsync(payload).Soon();
        if (header.IsMasked)
            Masking.Apply(payload, header.MaskKey);
        return payload;
    }

    private static async Task EndAsync(WebSocketConnection connection, BufferPool buffers)
    {
        connection.Abort();
        await connection.Closed.Soon();
        var pool = (CountingPool)buffers.Arrays;
        await Settle.UntilAsync(() => pool.Outstanding == 0 && buffers.SlabsHeld == 0, () => string.Join("\n---\n", pool.Traces));
    }
}
