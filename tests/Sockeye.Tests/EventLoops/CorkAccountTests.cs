using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.EventLoops;

/// <summary>Rule S1: whatever a handler on the loop was told to be accepted has been handed over or is in the account of the end, however
/// exactly another thread hits it.</summary>
[Trait("Category", "Repeated")]
public sealed class CorkAccountTests
{
    private const int Size = 100;

    public enum Ending
    {
        Abort,
        Close,
        Dispose,
    }

    public static TheoryData<Carrier, Role, Ending> Endings => new MatrixTheoryData<Carrier, Role, Ending>(
        [Carrier.Memory, Carrier.EventLoop], Enum.GetValues<Role>(), Enum.GetValues<Ending>());

    [Theory]
    [MemberData(nameof(Endings))]
    public async Task S1_End_by_another_thread_while_a_handler_sends_leaves_nothing_out_of_account(Carrier carrier, Role role, Ending ending)
    {
        int rounds = Repeat.Times(carrier == Carrier.Memory ? 400 : 100, 5000);
        for (int round = 0; round < rounds; round++)
            await EndAsync(carrier, role, ending, round);
    }

    private static async Task EndAsync(Carrier carrier, Role role, Ending ending, int round)
    {
        await using RawPeer peer = await RawPeer.CreateAsync(
            carrier, role, options => options with { HighWaterMark = 1 << 24, MaxBufferedBytes = 1 << 24 });
        byte[] payload = new byte[Size];
        int accepted = 0;
        int end = round * 7 % 300;
        Task handled = peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                while (accepted < 2000 && socket.TrySend(payload) is not SendResult.Closed)
                    Volatile.Write(ref accepted, accepted + 1);
            }
        });
        Task<int> reading = Task.Run(async () =>
        {
            int received = 0;
            try
            {
                while (await peer.ReadFrameAsync() is { Opcode: Opcode.Binary })
                    received++;
                await peer.SendAsync(peer.CloseFrame());
                await peer.Transport.ShutdownAsync();
            }
            catch (IOException)
            {
                // It was aborted.
            }

            return received;
        });
        await peer.SendTextAsync("go");
        Task ended = Task.Run(() =>
        {
            while (Volatile.Read(ref accepted) < end)
                Thread.SpinWait(1);
            switch (ending)
            {
                case Ending.Abort:
                    peer.Connection.Abort();
                    break;
                case Ending.Close:
                    _ = peer.Connection.CloseAsync();
                    break;
                default:
                    _ = peer.Connection.DisposeAsync();
                    break;
            }
        });
        await ended.Soon();
        CloseResult result = await peer.Connection.Closed.Soon();
        await handled.Soon();
        int received = await reading.Soon();
        peer.Transport.Abort();

        long frame = Size + (role == Role.Server ? 2 : 6);
        long control = ending == Ending.Abort ? 0 : (role == Role.Server ? 2 : 6) + 2;
        // A write that was under way may have been taken behind the count: what is missing is the fault.
        Assert.True(
            peer.Own.BytesSent - control + result.UnsentBytes >= accepted * frame,
            $"{accepted} messages were accepted, {peer.Own.BytesSent} bytes were sent, {result.UnsentBytes} counted as unsent.");
        if (ending != Ending.Abort)
            Assert.Equal(accepted, received + result.UnsentMessages);
        Assert.Equal(SendResult.Closed, peer.Connection.TrySend(payload));
    }
}
