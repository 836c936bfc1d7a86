using Sockeye.Tests.Server;

namespace Sockeye.Tests.Connection;

[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>Rule C5, and row V43 of the attack catalogue: no exception escapes, however little the application looks at its tasks.</summary>
[Collection(nameof(Alone))]
public sealed class UnobservedTests
{
    [Fact]
    public async Task C5_No_exception_stays_unobserved() => Assert.Empty(await EscapedAsync(async () =>
    {
        foreach (string how in (string[])["abort", "eof", "reset", "violation", "throw", "idle", "close"])
            await AbandonAsync(how);
    }));

    [Fact]
    public async Task C5_RequestCallback_that_throws_after_the_deadline_is_observed() => Assert.Empty(await EscapedAsync(async () =>
    {
        var late = new TaskCompletionSource();
        var time = new TimerSignals();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(
            "ws://127.0.0.1:1/", new() { Connection = new() { TimeProvider = time }, RequestCallback = (_, _) => new ValueTask(late.Task) });
        time.Manual.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(HandshakeFailure.Timeout, (await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon())).Cause);
        late.SetException(new InvalidDataException("late"));
    }));

    /// <summary>Gives what nobody has observed of what runs.</summary>
    private static async Task<List<Exception>> EscapedAsync(Func<Task> run)
    {
        List<Exception> escaped = [];
        void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e)
        {
            lock (escaped)
                escaped.Add(e.Exception);
        }

        // What other tests have left behind is not ours.
        Collect();
        TaskScheduler.UnobservedTaskException += OnUnobserved;
        try
        {
            await run();
            Collect();
            await Task.Yield();
            Collect();
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= OnUnobserved;
        }

        return escaped;
    }

    /// <summary>Starts everything there is and awaits nothing of it.</summary>
    private static async Task AbandonAsync(string how)
    {
        await using RawPeer peer = RawPeer.Create(capacity: 1000);
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await Task.Yield();
            _ = socket.PingAsync(cancellationToken: CancellationToken.None);
            _ = socket.ConfirmAsync(CancellationToken.None);
            _ = socket.SendAsync(new byte[50_000], cancellationToken: CancellationToken.None);
            _ = socket.DrainAsync(CancellationToken.None);
            _ = socket.ReceiveAsync(CancellationToken.None);
            _ = socket.Closed;
            if (how == "throw")
                throw new InvalidDataException("secret");
            if (how == "close")
                _ = socket.CloseAsync(cancellationToken: cancel);
            await socket.Closed;
            _ = socket.SendAsync(new byte[5], cancellationToken: CancellationToken.None);
            _ = socket.SendAsync(new byte[50_000], cancellationToken: CancellationToken.None);
            _ = socket.SendTextAsync("late", CancellationToken.None);
            _ = socket.PingAsync(cancellationToken: CancellationToken.None);
            _ = socket.SendPongAsync(cancellationToken: CancellationToken.None);
            _ = socket.DrainAsync(CancellationToken.None);
            throw new WebSocketClosedException(await socket.Closed);
        });
        switch (how)
        {
            case "abort":
                await peer.ReadFrameAsync();
                peer.Connection.Abort();
                break;
            case "eof":
                await peer.Transport.ShutdownAsync();
                break;
            case "reset":
                peer.Transport.Abort();
                break;
            case "violation":
                await peer.SendAsync([0xFF, 0xFF]);
                break;
        }

        await Settle.UntilAsync(() =>
        {
            peer.Time.Advance(TimeSpan.FromSeconds(1));
            return handling.IsCompleted;
        });
        await handling;
    }

    private static void Collect()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
