using System.Net.Sockets;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.EventLoops;

/// <summary>Edges and ends of a single socket of an event loop: none is lost, none reaches another socket.</summary>
public sealed class EventLoopSocketTests
{
    // What the kernel reports.
    private const uint In = 0x1;
    private const uint Out = 0x4;
    private const uint Error = 0x8;
    private const uint HangUp = 0x10;
    private const uint ReadHangUp = 0x2000;

    private static readonly EventLoopGroup Group = LoopPeers.Group(2);

    // Who takes the socket over ends the wait of who received from it before, and who may not await it yet.
    [Fact]
    public async Task Wait_that_is_ended_goes_on_without_bytes_and_the_next_one_waits_for_some()
    {
        (EventLoopSocket own, Socket peer) = await LoopPeers.ConnectAsync(Group);
        var readiness = new ReadinessSource(own);
        Assert.False(readiness.TryEndRead());
        ValueTask wait = readiness.WaitReadableAsync();
        Assert.True(readiness.TryEndRead());
        await wait.Soon();
        Assert.False(readiness.TryEndRead());

        Task next = readiness.WaitReadableAsync().AsTask();
        Assert.False(next.IsCompleted);
        await peer.SendAsync(new byte[1]);
        await next.Soon();
        own.Dispose();
        peer.Dispose();
    }

    [Fact]
    [Trait("Category", "Repeated")]
    public async Task Sockets_that_get_the_numbers_of_closed_ones_see_their_own_bytes_alone()
    {
        int rounds = Repeat.Times(150, 2000);
        using Socket listener = LoopPeers.Listen(1000);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(task => Task.Run(async () =>
        {
            var random = new Random(task);
            for (int round = 0; round < rounds; round++)
            {
                // The peer writes at once and goes: its edges are on their way when the number is free again.
                Task<Socket> accepting = listener.AcceptAsync();
                ConnectedSocket socket = await EventLoopConnector.ConnectAsync(Group, listener.LocalEndPoint!, null, CancellationToken.None);
                Transport own = socket.CreateTransport(BufferPool.Shared);
                using Socket peer = await accepting;
                // Accepted by another one of these tasks, maybe: what counts is who it is connected with.
                byte[] sent = BitConverter.GetBytes(((System.Net.IPEndPoint)peer.RemoteEndPoint!).Port);
                peer.Send(sent, SocketFlags.None, out _); // it may have been reset already
                int mine = ((System.Net.IPEndPoint)socket.LocalEndPoint!).Port;
                ValueTask<ReceivedBlock> receiving = own.ReceiveAsync(default);
                if (random.Next(3) == 0)
                {
                    Task<ReceivedBlock> received = receiving.AsTask();
                    own.Abort();
                    await Task.WhenAny(received);
                    if (received.IsCompletedSuccessfully)
                        AssertOwn(mine, received.Result);
                    else
                        Assert.IsType<IOException>(received.Exception!.InnerException);
                }
                else
                {
                    ReceivedBlock block = await receiving.Soon();
                    AssertOwn(mine, block);
                    own.Advance(block.Memory.Count);
                    peer.Dispose();
                    Task<ReceivedBlock> end = own.ReceiveAsync(default).AsTask();
                    await Task.WhenAny(end).Soon();
                    Assert.True(end.IsFaulted || end.Result.IsEnd);
                    await own.DisposeAsync();
                }

                own.ReleaseBlock();
            }
        })));

        static void AssertOwn(int port, ReceivedBlock block)
        {
            if (block.Memory.Count > 0)
                Assert.Equal(port, BitConverter.ToInt32(block.Memory));
        }
    }

    [Fact]
    public async Task Edges_are_given_once_to_who_waits_and_else_are_kept()
    {
        (EventLoopSocket own, Socket peer) = await LoopPeers.ConnectAsync(Group);
        using Socket _ = peer;
        var user = new Counting();
        own.User = user;

        // Nobody waits: noted once, and nothing to run however often it comes.
        foreach (uint events in (uint[])[In, Out, In | Out, In | ReadHangUp, HangUp | Error, In, Out])
            Assert.Equal(0, own.Take(events));
        Assert.True(own.IsWorthReceiving);
        own.Dispose();
        Assert.Equal(0, own.Take(In | Out | HangUp));
        Assert.Equal((0, 0), (user.Readable, user.Writable));

        // Who waits then is told that it is closed.
        own.AwaitReadable(again: false);
        own.AwaitWritable();
        await Settle.UntilAsync(() => (user.Readable, user.Writable) == (1, 1));
    }

    [Fact]
    public async Task Wait_for_what_was_noted_before_ends_and_one_for_nothing_does_not()
    {
        (EventLoopSocket own, Socket peer) = await LoopPeers.ConnectAsync(Group);
        using Socket _ = peer;
        var user = new Counting();
        own.User = user;
        own.AwaitReadable(again: true);
        await peer.SendAsync(new byte[1]);
        await Settle.UntilAsync(() => user.Readable == 1);
        byte[] room = new byte[10];
        Assert.Equal(1, own.Receive(room));
        Assert.Equal(-1, own.Receive(room));

        // A spurious edge is taken for a true one, once; asking again with nothing there raises none.
        Assert.Equal(0, own.Take(In));
        own.AwaitReadable(again: false);
        own.AwaitReadable(again: true);
        Assert.Equal(1, user.Readable);
        await peer.SendAsync(new byte[2]);
        await Settle.UntilAsync(() => user.Readable == 2);
        Assert.Equal(2, own.Receive(room));

        // Bytes that came while nobody waited.
        await peer.SendAsync(new byte[3]);
        await Settle.UntilAsync(() => own.IsWorthReceiving);
        own.AwaitReadable(again: false);
        await Settle.UntilAsync(() => user.Readable == 3);
        Assert.Equal(3, own.Receive(room));

        // The end, likewise; it stays worth receiving.
        peer.Shutdown(SocketShutdown.Send);
        await Settle.UntilAsync(() => own.IsWorthReceiving);
        own.AwaitReadable(again: false);
        await Settle.UntilAsync(() => user.Readable == 4);
        Assert.Equal(0, own.Receive(room));
        Assert.True(own.IsWorthReceiving);
        own.Dispose();
        Assert.Throws<IOException>(() => own.Receive(room));
        Assert.Throws<IOException>(() => own.Send(room));
        own.Dispose();
        own.Reset();
        own.ShutdownSend();
        Assert.Null(own.LocalEndPoint);
    }

    [Fact]
    [Trait("Category", "Repeated")]
    public async Task Calls_on_other_threads_while_a_socket_is_closed_end_and_reach_no_other_socket()
    {
        int rounds = Repeat.Times(300, 5000);
        for (int round = 0; round < rounds; round++)
        {
            (EventLoopSocket own, Socket peer) = await LoopPeers.ConnectAsync(Group);
            using Socket _ = peer;
            own.User = new Counting();
            Task[] users =
            [
                Task.Run(() => UntilClosed(() => own.Receive(new byte[10]))),
                Task.Run(() => UntilClosed(() => own.Send(new byte[1]))),
                Task.Run(() => UntilClosed(() => own.TakeError())),
            ];
            if (round % 2 == 0)
                own.Dispose();
            else
                own.Reset();
            await Task.WhenAll(users).Soon();
            Assert.Null(EventLoopSockets.Find(own.Identity));
        }

        static void UntilClosed(Action call)
        {
            try
            {
                while (true)
                    call();
            }
            catch (IOException)
            {
                // Closed.
            }
        }
    }

    private sealed class Counting : IReadiness
    {
        private int _readable;
        private int _writable;

        public int Readable => Volatile.Read(ref _readable);

        public int Writable => Volatile.Read(ref _writable);

        public void OnReadable() => Interlocked.Increment(ref _readable);

        public void OnWritable() => Interlocked.Increment(ref _writable);
    }
}
