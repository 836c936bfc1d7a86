using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>What the transports themselves must do: TLS says good-bye, idle connections hold nothing, half-closed ones go on.</summary>
public sealed class TransportTests
{
    private const byte Alert = 21;
    private const byte ApplicationData = 23;

    public enum Ending
    {
        CloseByThisSide,
        CloseByThePeer,
        EndWithoutClose,
        Violation,
        IdleTimeout,
        NoAnswer,
    }

    public static TheoryData<Role, Ending> Endings => new MatrixTheoryData<Role, Ending>(
        Enum.GetValues<Role>(), Enum.GetValues<Ending>());

    [Theory]
    [MemberData(nameof(Endings))]
    public async Task Tls_close_notify_is_the_last_record_before_the_end_unless_a_read_waits(Role role, Ending ending)
    {
        (Socket own, Socket peer) = await Carriers.ConnectSocketsAsync();
        var wire = new RecordingStream(new NetworkStream(peer, ownsSocket: true));
        (SslStream ownTls, SslStream peerTls) = await Carriers.SecureAsync(
            role, new NetworkStream(own, ownsSocket: true), wire, SslProtocols.Tls12); // 1.3 hides what kind a record is of
        var buffers = new BufferPool(new CountingPool());
        var time = new ManualTimeProvider();
        var connection = new WebSocketConnection(
            new StreamTransport(ownTls, buffers, socket: new RuntimeSocket(own)),
            role,
            new WebSocketConnectionOptions { Buffers = buffers, TimeProvider = time },
            ConnectionDetails.None,
            []);
        connection.Start();
        Task<List<string>> reading = EventLog.ReadEventsAsync(connection);

        byte[] close = Wire.Frame(role, Opcode.Close, [0x03, 0xE8]);
        bool closes = ending is Ending.CloseByThisSide or Ending.CloseByThePeer;
        bool endsFirst = ending is Ending.EndWithoutClose || (closes && role == Role.Client);
        if (ending == Ending.CloseByThisSide)
            _ = connection.CloseAsync();
        if (closes)
            await peerTls.WriteAsync(close);
        if (ending == Ending.Violation)
            await peerTls.WriteAsync(Wire.Raw(0xFF, [], isMasked: true));
        if (closes && role == Role.Client)
            await Settle.UntilAsync(() => connection.Close.Snapshot().IsClean);
        if (endsFirst)
        {
            await peerTls.ShutdownAsync();
            peer.Shutdown(SocketShutdown.Send);
        }

        if (ending == Ending.NoAnswer)
        {
            _ = connection.CloseAsync();
            await Settle.UntilAsync(() => connection.Close.Snapshot().SentCode is not null);
            time.Advance(TimeSpan.FromSeconds(5));
        }

        if (ending == Ending.IdleTimeout)
        {
            time.Advance(TimeSpan.FromSeconds(15));
            Assert.NotEqual(0, await peerTls.ReadAsync(new byte[100])); // the ping
            await Settle.UntilAsync(() => !connection.Send.IsWriting);
            time.Advance(TimeSpan.FromSeconds(15));
        }

        // It ends as TLS should: with zero, not with an exception.
        byte[] rest = new byte[1000];
        int length = 0;
        int read;
        while ((read = await peerTls.ReadAsync(rest.AsMemory(length))) > 0)
            length += read;
        Assert.Equal(0, await wire.ReadAsync(new byte[1])); // FIN, nothing after it
        // Beside a read that waits nothing is said: that would destroy memory. It waits where the peer has not been heard to the end.
        bool reads = ending is Ending.NoAnswer or Ending.IdleTimeout;
        Assert.Equal(reads ? ApplicationData : Alert, wire.LastRecordType);
        if (!endsFirst)
        {
            await peerTls.ShutdownAsync();
            peer.Shutdown(SocketShutdown.Send);
        }

        await connection.Closed.Soon();
        await reading.Soon();
        await peerTls.DisposeAsync();
        await Settle.UntilAsync(() => ((CountingPool)buffers.Arrays).Outstanding == 0 && buffers.SlabsHeld == 0);
    }

    [Fact]
    public async Task Tls_close_notify_is_left_out_beside_a_write()
    {
        (DuplexStream one, DuplexStream other) = StreamPair.Create();
        (SslStream own, SslStream peer) = await Carriers.SecureAsync(Role.Server, one, other);
        var transport = new StreamTransport(own, BufferPool.Shared);
        ValueTask send = transport.SendAsync(new byte[1024 * 1024], default);
        Assert.False(send.IsCompleted);

        int calls = one.Calls;
        await transport.ShutdownAsync();
        Assert.Equal(calls, one.Calls);

        byte[] received = new byte[64 * 1024];
        for (int length = 0; length < 1024 * 1024;)
            length += await peer.ReadAsync(received);
        await send;
        calls = one.Calls;
        await transport.ShutdownAsync();
        Assert.True(one.Calls > calls);
        Assert.Equal(0, await peer.ReadAsync(received));
        await transport.DisposeAsync();
        await peer.DisposeAsync();
    }

    [Fact]
    public async Task Idle_connections_hold_no_receive_buffer()
    {
        const int Count = 1000;
        var pool = new CountingPool();
        var buffers = new BufferPool(pool);
        var options = new WebSocketConnectionOptions { Buffers = buffers, TimeProvider = new ManualTimeProvider() };
        List<(WebSocketConnection Connection, Socket Peer)> all = [];
        for (int i = 0; i < Count; i++)
        {
            (Socket own, Socket peer) = await Carriers.ConnectSocketsAsync();
            Transport transport = i % 2 == 0
                ? new SocketTransport(own, buffers)
                : new StreamTransport(new NetworkStream(own, ownsSocket: true), buffers);
            var connection = new WebSocketConnection(transport, Role.Server, options, ConnectionDetails.None, []);
            connection.Start();
            all.Add((connection, peer));
        }

        // Each has had traffic, in every way that memory may be left behind by.
        byte[] message = Wire.Frame(Role.Server, Opcode.Binary, EventLog.Payload(300));
        byte[] ping = Wire.Frame(Role.Server, Opcode.Ping, "x"u8);
        byte[] pong = new byte[3];
        List<Task<WebSocketMessage>> reads = [];
        foreach ((WebSocketConnection connection, Socket peer) in all)
        {
            peer.Send(message.AsSpan(0, 100));
            peer.Send(message.AsSpan(100));
            peer.Send(ping);
            await peer.ReceiveAsync(pong);
            Assert.Equal(300, (await connection.ReceiveAsync()).Length);
            reads.Add(connection.ReceiveAsync().AsTask());
        }

        await Settle.UntilAsync(
            () => buffers.SlabsHeld == 0 && pool.Outstanding == 0,
            () => $"{buffers.SlabsHeld} slabs, {pool.Outstanding} arrays {pool.Traces.FirstOrDefault()}");
        Assert.All(reads, read => Assert.False(read.IsCompleted));

        foreach ((WebSocketConnection connection, Socket peer) in all)
        {
            peer.Dispose();
            await Assert.ThrowsAsync<WebSocketClosedException>(() => reads[all.IndexOf((connection, peer))].Soon());
        }
    }

    [Theory]
    [InlineData(Carrier.Memory)]
    [InlineData(Carrier.Socket)]
    [InlineData(Carrier.EventLoop)]
    [InlineData(Carrier.Stream)]
    [InlineData(Carrier.Tls)]
    [InlineData(Carrier.EventLoopTls)]
    public async Task Half_close_after_the_close_frame_still_lets_everything_accepted_out(Carrier carrier)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier);
        byte[] large = EventLog.Payload(4 * 1024 * 1024);
        Task sending = peer.Connection.SendAsync(large).AsTask();
        Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        List<ReceivedFrame> sent = await peer.ReadToEndAsync();
        await sending.Soon();
        Assert.True(large.AsSpan().SequenceEqual((byte[])[.. sent.SkipLast(1).SelectMany(frame => frame.Payload)]));
        Assert.Equal(1000, sent[^1].CloseCode);
        Assert.Equal(["Close 1000 "], await reading.Soon());
        Assert.True((await peer.Connection.Closed).IsClean);
    }

    [Theory]
    [InlineData(Carrier.Memory)]
    [InlineData(Carrier.Socket)]
    [InlineData(Carrier.EventLoop)]
    [InlineData(Carrier.Stream)]
    [InlineData(Carrier.Tls)]
    [InlineData(Carrier.EventLoopTls)]
    public async Task Reset_while_much_waits_to_be_sent_is_counted(Carrier carrier)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(
            carrier, configure: o => o with { IdleTimeout = TimeSpan.Zero, WriteStallTimeout = TimeSpan.Zero });
        Task sending = peer.Connection.SendAsync(new byte[32 * 1024 * 1024]).AsTask();
        await peer.ReceiveAsync();
        peer.Transport.Abort();
        // Nobody reads; the engine sees it by itself, after the grace at the latest.
        await Settle.UntilAsync(() =>
        {
            peer.Time.Advance(TimeSpan.FromMilliseconds(100));
            return peer.Connection.Closed.IsCompleted;
        });
        CloseResult result = await peer.Connection.Closed;
        // Linux tells of a reset once: where the send is told, the receive sees a plain end, and may be the first to act.
        Assert.Contains(result.Cause, (CloseCause[])[CloseCause.TransportFailed, CloseCause.TransportEnded]);
        Assert.Equal((1L, CloseCode.Abnormal), (result.UnsentMessages, result.Code));
        Assert.InRange(result.UnsentBytes, 1, (32 * 1024 * 1024) + 1000);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => sending.Soon());
    }

    [Fact]
    public async Task Stream_that_returns_at_once_from_a_read_of_zero_bytes_works()
    {
        var buffers = new BufferPool(new CountingPool());
        var pipe = new System.IO.Pipelines.Pipe();
        var stream = new PipeStream(pipe.Reader.AsStream());
        var connection = new WebSocketConnection(
            new StreamTransport(stream, buffers),
            Role.Server,
            new WebSocketConnectionOptions { Buffers = buffers, TimeProvider = new ManualTimeProvider() },
            ConnectionDetails.None,
            []);
        connection.Start();
        Task<List<string>> reading = EventLog.ReadMessagesAsync(connection);
        for (int i = 0; i < 100; i++)
        {
            await pipe.Writer.WriteAsync(Wire.Frame(Role.Server, Opcode.Text, "x"u8));
            await Task.Yield();
        }

        await pipe.Writer.WriteAsync(Wire.Frame(Role.Server, Opcode.Close, []));
        await pipe.Writer.CompleteAsync();
        List<string> seen = await reading.Soon();
        Assert.Equal(100, seen.Count);
        Assert.All(seen, line => Assert.Equal("Text x", line));
        await Settle.UntilAsync(() => buffers.SlabsHeld == 0 && ((CountingPool)buffers.Arrays).Outstanding == 0);
    }

    /// <summary>Reads from one stream and forgets what is written.</summary>
    private sealed class PipeStream(Stream inner) : TestStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            buffer.IsEmpty ? new ValueTask<int>(0) : inner.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => default;
    }

    /// <summary>Passes bytes on and follows the records of TLS in what is read.</summary>
    private sealed class RecordingStream(Stream inner) : TestStream
    {
        private readonly List<byte> _header = [];
        private int _remaining;

        /// <summary>Gets the content type of the last whole record.</summary>
        public int LastRecordType { get; private set; }

        public override void Flush() => inner.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await inner.ReadAsync(buffer, cancellationToken);
            foreach (byte b in buffer[..read].ToArray())
            {
                if (_remaining > 0)
                {
                    _remaining--;
                    continue;
                }

                _header.Add(b);
                if (_header.Count == 5)
                {
                    LastRecordType = _header[0];
                    _remaining = (_header[3] << 8) | _header[4];
                    _header.Clear();
                }
            }

            return read;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.WriteAsync(buffer, cancellationToken);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
