using Sockeye.Protocol;

namespace Sockeye.Fuzzing;

/// <summary>What an application does with its connection while a session plays: anything, in any order, from one thread or several.</summary>
/// <param name="connection">The connection.</param>
/// <param name="dice">What decides.</param>
internal sealed class Operations(WebSocketConnection connection, Dice dice)
{
    private static readonly byte[] Large = new byte[40_000];

    private readonly List<Task> _pending = [];

    /// <summary>Gets whether this side has begun to end the connection.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Does a few things, and waits until all of them have come to something.</summary>
    public async Task RunAsync()
    {
        for (int i = dice.Below(8); i > 0; i--)
        {
            for (int turns = dice.Below(20); turns > 0; turns--)
                await Task.Yield();
            var cancel = new CancellationTokenSource();
            Task operation = DoAsync(dice.Below(12), cancel.Token);
            _pending.Add(EndAsync(operation));
            if (dice.Happens(20))
                await cancel.CancelAsync().ConfigureAwait(false);
            else if (dice.Happens(50))
                await EndAsync(operation).ConfigureAwait(false);
        }

        await Task.WhenAll(_pending).ConfigureAwait(false);
    }

    private async Task DoAsync(int operation, CancellationToken token)
    {
        switch (operation)
        {
            case 0 or 1:
                await connection.SendTextAsync("small", token).ConfigureAwait(false);
                break;
            case 2 or 3:
                await connection.SendAsync(Large, WebSocketMessageKind.Binary, token).ConfigureAwait(false);
                break;
            case 4:
                connection.TrySend(Large.AsSpan(0, dice.Below(300)));
                break;
            case 5:
                await connection.PingAsync(cancellationToken: token).ConfigureAwait(false);
                break;
            case 6:
                await connection.ConfirmAsync(token).ConfigureAwait(false);
                break;
            case 7:
                await connection.DrainAsync(token).ConfigureAwait(false);
                break;
            case 8:
                await StreamAsync(completes: dice.Happens(70)).ConfigureAwait(false);
                break;
            case 9:
                HasEnded = true;
                await connection.CloseAsync(CloseCode.Normal, "enough", token).ConfigureAwait(false);
                break;
            case 10 when dice.Happens(30):
                HasEnded = true;
                connection.Abort();
                break;
            case 11 when dice.Happens(30):
                HasEnded = true;
                connection.IgnoreMessages();
                break;
        }
    }

    private async Task StreamAsync(bool completes)
    {
        StreamedMessage message = connection.OpenMessage();
        await using (message.ConfigureAwait(false))
        {
            await message.WriteAsync(new byte[] { 1, 2, 3 }).ConfigureAwait(false);
            await Task.Yield();
            if (completes)
                await message.CompleteAsync().ConfigureAwait(false);
            else
                HasEnded = true;
        }
    }

    /// <summary>Waits for what may be refused, withdrawn or cut off, and must not fail in any other way.</summary>
    private static async Task EndAsync(Task operation)
    {
        try
        {
            await operation.ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketClosedException or OperationCanceledException or TimeoutException)
        {
            // The connection ends when it ends; and a ping is given up where nobody reads what lies before its pong.
        }
    }
}
