using System.Net.Sockets;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.EventLoops;

/// <summary>Where the loops are used and where not; what is set for a whole process is tested in one of its own.</summary>
public sealed class SwitchTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Connections_run_on_loops_unless_they_are_turned_off(bool loops)
    {
        EventLoopOptions? eventLoop = loops ? new EventLoopOptions() : null;
        var server = new TaskCompletionSource<string?>();
        var client = new TaskCompletionSource<string?>();
        await using var test = new ServerTest(options => options with { EventLoop = eventLoop });
        test.Server.Map("/", new WebSocketHandler
        {
            Message = (socket, message) =>
            {
                server.TrySetResult(Thread.CurrentThread.Name);
                return socket.SendAsync(message);
            },
        });
        await test.Server.StartAsync();
        await using WebSocketConnection dialled = await WebSocketClient.ConnectAsync(test.Uri, new() { EventLoop = eventLoop }).Soon();
        Task reading = Task.Run(async () =>
        {
            await dialled.ReceiveAsync().ConfigureAwait(false);
            client.TrySetResult(Thread.CurrentThread.Name);
        });
        await Settle.UntilAsync(() => dialled.Receive.IsReaderWaiting);
        await dialled.SendTextAsync("x");
        await reading.Soon();

        Assert.Equal((loops, loops), (IsLoop(await server.Task.Soon()), IsLoop(await client.Task.Soon())));
        dialled.Abort();

        static bool IsLoop(string? thread) => thread?.Contains("event loop", StringComparison.Ordinal) == true;
    }

    [Fact]
    public async Task Transport_of_a_socket_is_that_of_who_waits_for_it()
    {
        (Socket own, Socket peer) = await Carriers.ConnectSocketsAsync();
        Assert.IsType<SocketTransport>(new RuntimeSocket(own).CreateTransport(BufferPool.Shared));
        own.Dispose();
        peer.Dispose();
        (EventLoopSocket socket, Socket other) = await LoopPeers.ConnectAsync(LoopPeers.Group(2));
        Assert.IsType<EventLoopTransport>(socket.CreateTransport(BufferPool.Shared));
        socket.Dispose();
        other.Dispose();
    }

    [Fact]
    public void Equal_options_share_their_loops_and_others_have_their_own()
    {
        Assert.Same(new EventLoopOptions().Group, new EventLoopOptions().Group);
        Assert.Same(new EventLoopOptions { Loops = 2 }.Group, LoopPeers.Group(2));
        Assert.NotSame(LoopPeers.Group(2), LoopPeers.Group(3));
        Assert.Equal(3, LoopPeers.Group(3).Loops.Count);
        Assert.Equal(Environment.ProcessorCount, new EventLoopOptions().Group!.Loops.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => new EventLoopOptions { Loops = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new EventLoopOptions { Loops = 1025 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new EventLoopOptions { Accept = (AcceptDistribution)2 });
        Assert.NotSame(LoopPeers.Group(2), new EventLoopOptions { Loops = 2, ReceiveBufferSize = 128 * 1024 }.Group);
        Assert.Equal(512 * 1024, LoopPeers.Group(2).ReceiveBufferSize);
        Assert.Equal(16 * 1024 * 1024, new EventLoopOptions { ReceiveBufferSize = 16 * 1024 * 1024 }.ReceiveBufferSize);
        Assert.Throws<ArgumentOutOfRangeException>(() => new EventLoopOptions { ReceiveBufferSize = (128 * 1024) - 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new EventLoopOptions { ReceiveBufferSize = (16 * 1024 * 1024) + 1 });
    }

    [Fact]
    public Task Environment_variable_turns_the_loops_off() => ApartProcess.RunAsync<SwitchTests>(nameof(Apart_without_loops), output, ("SOCKEYE_EVENT_LOOP", "0"));

    [Fact]
    public Task Lack_of_descriptors_is_told_and_is_over_when_there_are_some() => ApartProcess.RunAsync<SwitchTests>(nameof(Apart_without_descriptors), output);

    [Fact(Explicit = true)]
    public async Task Apart_without_loops()
    {
        Assert.Null(EventLoopOptions.Default);
        Assert.Null(new WebSocketServerOptions().EventLoop);
        Assert.Null(new WebSocketClientOptions().EventLoop);
        await using ServerTest test = await ServerTest.EchoAsync();
        await test.AssertServesAsync();
    }

    [Fact(Explicit = true)]
    public async Task Apart_without_descriptors()
    {
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { EventLoop = new EventLoopOptions { Loops = 2 } });
        await test.AssertServesAsync();
        // Everything that is needed has been loaded when there is no descriptor to load it with.
        await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync("ws://127.0.0.1:1/").Soon());
        var failed = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        test.Server.ListenerFailed += (_, e) => failed.TrySetResult(e);
        // Connected, but not accepted: that takes a descriptor more.
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var descriptors = Descriptors.TakeAll();
        await client.ConnectAsync(test.Server.EndPoints[0]);
        Exception thrown = await failed.Task.Soon();
        Exception? refused = await Record.ExceptionAsync(() => WebSocketClient.ConnectAsync(test.Uri).Soon());
        await test.AcceptedAsync(1, TimeSpan.FromMilliseconds(100)); // the pause has begun
        descriptors.Dispose();
        test.Advance(TimeSpan.FromMilliseconds(100));
        await test.AssertServesAsync();
        Assert.Equal(SocketError.TooManyOpenSockets, Assert.IsType<SocketException>(thrown).SocketErrorCode);
        Assert.Equal(HandshakeFailure.Connect, Assert.IsType<WebSocketHandshakeException>(refused).Cause);
    }
}
