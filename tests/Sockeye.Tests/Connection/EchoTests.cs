using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

public sealed class EchoTests
{
    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Echo_of_messages_of_many_sizes_returns_them(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role);
        Task echo = Task.Run(async () =>
        {
            await foreach (WebSocketMessage message in peer.Connection.ReadAllAsync())
                await peer.Connection.SendAsync(message);
        });

        foreach (int size in (int[])[0, 1, 125, 126, 65_535, 65_536, 300_000])
        {
            byte[] payload = [.. Enumerable.Range(0, size).Select(i => (byte)(i * 7))];
            await peer.SendAsync(peer.Frame(Opcode.Binary, payload));
            ReceivedFrame? frame = await peer.ReadFrameAsync();
            Assert.Equal(Opcode.Binary, frame!.Opcode);
            Assert.Equal(role == Role.Client, frame.IsMasked);
            Assert.Equal(payload, frame.Payload);
        }

        await peer.SendAsync(peer.CloseFrame(CloseCode.Normal, "done"));
        ReceivedFrame? close = await peer.ReadFrameAsync();
        Assert.Equal((Opcode.Close, 1000, "done"), (close!.Opcode, close.CloseCode, close.CloseReason));
        await peer.Transport.ShutdownAsync();
        await echo.WaitAsync(TimeSpan.FromSeconds(10));
        CloseResult result = await peer.Connection.Closed;
        Assert.True(result.IsClean);
        Assert.Empty(peer.Pool.Traces);
        Assert.Equal(0, peer.Buffers.SlabsHeld);
    }
}
