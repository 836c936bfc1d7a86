using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule C1: what ends the input waits for its turn, whoever is on the way to wait at that moment.</summary>
public sealed class EndTurnTests
{
    private const int Rounds = 1000;

    // The reader's own wait flushes what it has sent. Inside of that write it is given a message, goes away with it, and behind it another
    // message and a violation are read: when the write is done, the end must not act on account of the wait that is over.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task C1_End_that_comes_while_a_reader_begins_to_wait_acts_behind_what_was_read_before_it(bool isViolation)
    {
        bool isMet = false;
        for (int round = 0; round < Rounds && !isMet; round++)
            isMet = await MeetAsync(isViolation);
        Assert.True(isMet, "No wait has met the end.");
    }

    /// <summary>Plays the meeting once.</summary>
    /// <returns>Whether the reader wrote its output itself: another thread may have been faster.</returns>
    private static async Task<bool> MeetAsync(bool isViolation)
    {
        int reader = 0;
        bool isMet = false;
        RawPeer peer = null!;
        var away = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        peer = RawPeer.Create(wrap: inner => new ScriptedTransport(inner, sending: () =>
        {
            if (Environment.CurrentManagedThreadId != Volatile.Read(ref reader) || isMet)
                return;
            isMet = true;
            byte[] end = isViolation ? Wire.Raw(0x83, [], isMasked: true) : peer.CloseFrame(CloseCode.GoingAway);
            peer.SendAsync([.. peer.TextFrame("first"), .. peer.TextFrame("second"), .. end]).Wait();
            SpinWait.SpinUntil(() => peer.Connection.Receive.IsStopped, TimeSpan.FromSeconds(20));
        }));
        await using (peer)
        {
            peer.Connection.Start();
            await Settle.UntilAsync(() => peer.Connection.Receive.IsReceiving);
            Task<List<string>> reading = Task.Run(async () =>
            {
                List<string> seen = [];
                reader = Environment.CurrentManagedThreadId;
                _ = peer.Connection.SendTextAsync("hello");
                await foreach (WebSocketEvent e in peer.Connection.ReadEventsAsync())
                {
                    Volatile.Write(ref reader, 0);
                    seen.Add(EventLog.Describe(e));
                    if (e.Kind == WebSocketEventKind.Close)
                        continue;
                    string echo = e.Text;
                    await away.Task;
                    await peer.Connection.SendTextAsync(echo);
                }

                return seen;
            });
            Assert.Equal("hello", (await peer.ReadFrameAsync())!.Text);
            if (!isMet)
                return false;

            away.SetResult();
            int code = isViolation ? 1002 : 1001;
            Assert.Equal("first", (await peer.ReadFrameAsync())!.Text);
            Assert.Equal("second", (await peer.ReadFrameAsync())!.Text);
            Assert.Equal(code, (await peer.ReadFrameAsync())!.CloseCode);
            await peer.Transport.ShutdownAsync();
            Assert.Equal(["Text first", "Text second", $"Close {code}"], (await reading.Soon()).Select(line => line[..Math.Min(line.Length, 11)].TrimEnd()));
            return true;
        }
    }
}
