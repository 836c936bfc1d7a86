using System.Net.WebSockets;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Adapters;

/// <summary>Reading from and writing to an adapter allocates nothing in the steady state.</summary>
[Collection(nameof(WholeProcess))]
public sealed class AdapterAllocationTests : IClassFixture<FewThreads>
{
    private const int WarmUp = 10_000;
#if DEBUG
    // There the compiler makes the state of an async method a class, to be looked at.
    private const double Limit = double.MaxValue;
#else
    private const double Limit = 1;
#endif
    private const int Measured = 20_000;
    private const int Attempts = 4;

    [Theory]
    [InlineData("stream", 1)]
    [InlineData("stream", 20)]
    [InlineData("framework", 1)]
    [InlineData("framework", 20)]
    public async Task Echo_allocates_less_than_a_byte_per_message(string adapter, int together)
    {
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(BufferPool.Shared, BufferPool.Shared);
        var socket = new WebSocketConnection(own, Role.Server, WebSocketConnectionOptions.Default, ConnectionDetails.None, []);
        Task driving = Task.Run(() => DriveAsync(peer, together));
        byte[] buffer = new byte[100];
        var account = new Account(socket);
        await socket.RunAsync((_, _) => adapter == "stream" ? EchoStreamAsync() : EchoFrameworkAsync()).WaitAsync(TimeSpan.FromMinutes(2));
        await driving.Soon();
        peer.Abort();
        Assert.True(account.Best < Limit, $"{account.Best} bytes per message");

        async Task EchoStreamAsync()
        {
            Stream stream = socket.AsStream();
            while (true)
            {
                int count = await stream.ReadAsync(buffer);
                account.Count();
                await stream.WriteAsync(buffer.AsMemory(0, count));
            }
        }

        async Task EchoFrameworkAsync()
        {
            WebSocket framework = socket.AsWebSocket();
            while (true)
            {
                ValueWebSocketReceiveResult result = await framework.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                account.Count();
                await framework.SendAsync(buffer.AsMemory(0, result.Count), result.MessageType, result.EndOfMessage, CancellationToken.None);
            }
        }
    }

    /// <summary>Sends messages and awaits their echoes, until the connection ends.</summary>
    private static async Task DriveAsync(InMemoryTransport peer, int together)
    {
        var shape = new EchoShape(Opcode.Binary, Size: 64, Depth: together);
        byte[] batch = shape.Frames(isMasked: true);
        int expected = shape.Frames(isMasked: false).Length;
        try
        {
            while (true)
            {
                await peer.SendAsync(batch, default);
                for (int received = 0; received < expected;)
                {
                    ReceivedBlock block = await peer.ReceiveAsync(default);
                    if (block.IsEnd)
                        return;
                    received += block.Memory.Count;
                    peer.Advance(block.Memory.Count);
                }
            }
        }
        catch (IOException)
        {
            // It has been measured.
        }
    }

    /// <summary>Counts what is allocated for each message after the first ones; the best of several measurements counts, because what is
    /// made once is not made for each message.</summary>
    private sealed class Account(WebSocketConnection socket)
    {
        private int _count;
        private int _attempts;
        private long _before;

        public double Best { get; private set; } = double.MaxValue;

        public void Count()
        {
            if (++_count < WarmUp || (_count - WarmUp) % Measured != 0)
                return;
            long now = GC.GetTotalAllocatedBytes(precise: true);
            if (_count > WarmUp)
                Best = Math.Min(Best, (now - _before) / (double)Measured);
            _before = now;
            if (Best < Limit || _attempts++ == Attempts)
                socket.Abort();
        }
    }
}
