using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.EventLoops;

/// <summary>Rule T1: wherever handlers go on, and however often leadership is taken from their threads, every byte is echoed once and in
/// order.</summary>
[Trait("Category", "Repeated")]
public sealed class PromotionTests
{
    public enum Form
    {
        Handler,
        Callback,
    }

    [Theory]
    [InlineData(Carrier.EventLoop, Form.Handler)]
    [InlineData(Carrier.EventLoop, Form.Callback)]
    [InlineData(Carrier.EventLoopTls, Form.Handler)]
    [InlineData(Carrier.EventLoopTls, Form.Callback)]
    public async Task T1_Handlers_that_hop_wait_and_block_at_random_echo_every_byte(Carrier carrier, Form form)
    {
        int connections = Repeat.Times(12, 40);
        int messages = Repeat.Times(120, 1500);
        await Task.WhenAll(Enumerable.Range(0, connections).Select(seed => Task.Run(() => EchoAsync(carrier, form, seed, messages))));
    }

    private static async Task EchoAsync(Carrier carrier, Form form, int seed, int count)
    {
        // Little is read ahead, so that the loop pauses and is resumed all the time.
        await using RawPeer peer = await RawPeer.CreateAsync(carrier, configure: options => options with { ReadAhead = 2000 });
        var random = new Random(seed);
        Task handled = form == Form.Handler
            ? peer.HandleAsync(async socket =>
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync())
                {
                    await WanderAsync(random.Next());
                    await socket.SendAsync(message);
                    await WanderAsync(random.Next());
                }
            })
            : peer.Connection.RunAsync(new WebSocketHandler
            {
                Message = (socket, message) => random.Next(2) == 0 ? socket.SendAsync(message) : AnswerAsync(socket, message, random.Next()),
            });
        Task sending = Task.Run(async () =>
        {
            var sizes = new Random(seed);
            for (int i = 0; i < count;)
            {
                int together = Math.Min(sizes.Next(1, 12), count - i);
                await peer.SendAsync([.. Enumerable.Range(i, together).SelectMany(n => peer.Frame(Opcode.Binary, Payload(seed, n)))]);
                i += together;
            }
        });
        for (int i = 0; i < count; i++)
        {
            ReceivedFrame? frame = await peer.ReadFrameAsync();
            Assert.True(frame is not null && frame.Payload.AsSpan().SequenceEqual(Payload(seed, i)), $"Message {i} of {seed} is not what was sent.");
        }

        await sending.Soon();
        await peer.SendAsync(peer.CloseFrame());
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        Assert.Null(await peer.ReadFrameAsync());
        await peer.Transport.ShutdownAsync();
        await handled.Soon();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((true, 0L), (result.IsClean, result.UnsentMessages));
    }

    private static async ValueTask AnswerAsync(WebSocketConnection socket, WebSocketMessage message, int random)
    {
        await WanderAsync(random);
        await socket.SendAsync(message);
        await WanderAsync(random / 16);
    }

    /// <summary>Goes on somewhere else, or later, or holds the thread.</summary>
    private static async ValueTask WanderAsync(int random)
    {
        switch (random % 16)
        {
            case 0 or 1:
                await Task.Yield();
                break;
            case 2:
                await Task.Delay(1);
                break;
            case 3 or 4:
                await Task.Run(static () => { });
                break;
            case 5:
                Thread.Sleep(random / 16 % 10);
                break;
            case 6:
                await ForeignAsync();
                break;
        }
    }

    /// <summary>Goes on on a thread that belongs to nobody, which reads and waits there.</summary>
    private static Task ForeignAsync()
    {
        var parked = new TaskCompletionSource();
        new Thread(parked.SetResult) { IsBackground = true }.Start();
        return parked.Task;
    }

    private static byte[] Payload(int seed, int index)
    {
        int length = (index % 23) switch { 0 => 70_000, 1 => 20_000, 2 => 0, _ => 4 + (index * 37 % 900) };
        return GatedPeer.Bytes(length, (seed * 10_000) + index);
    }
}
