using System.Net;

namespace Sockeye;

/// <summary>Tries the addresses of a host side by side, each a little later than the one before (RFC 8305, "Happy Eyeballs"): an address
/// that leads nowhere costs a quarter of a second, not the whole timeout.</summary>
internal static class AddressRace
{
    /// <summary>How long an attempt has before the next one joins it (RFC 8305, section 5).</summary>
    public static readonly TimeSpan AttemptDelay = TimeSpan.FromMilliseconds(250);

    /// <summary>Puts addresses into the order in which they are tried: that of the system, but with the families in turn
    /// (RFC 8305, section 4).</summary>
    public static IPAddress[] Order(IPAddress[] addresses)
    {
        IPAddress[] preferred = [.. addresses.Where(address => address.AddressFamily == addresses[0].AddressFamily)];
        IPAddress[] others = [.. addresses.Where(address => address.AddressFamily != addresses[0].AddressFamily)];
        var ordered = new List<IPAddress>(addresses.Length);
        for (int i = 0; i < Math.Max(preferred.Length, others.Length); i++)
        {
            ordered.AddRange(preferred.Skip(i).Take(1));
            ordered.AddRange(others.Skip(i).Take(1));
        }

        return [.. ordered];
    }

    /// <summary>Connects to the address that answers first.</summary>
    /// <param name="addresses">The addresses in the order in which they are tried, one at least.</param>
    /// <param name="connect">Connects to one of them, or throws.</param>
    /// <param name="time">The clock of the delay.</param>
    /// <param name="cancellationToken">Ends all attempts.</param>
    /// <returns>The connection. The other attempts are cancelled; one that succeeds nevertheless is disposed.</returns>
    /// <exception cref="AggregateException">All failed; it holds why, in the order of the addresses.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async Task<T> RunAsync<T>(
        IPAddress[] addresses, Func<IPAddress, CancellationToken, Task<T>> connect, TimeProvider time, CancellationToken cancellationToken)
        where T : IDisposable
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task<T>> attempts = [];
        List<Task> running = [];
        Task? winner = null;
        try
        {
            while (true)
            {
                if (attempts.Count < addresses.Length)
                {
                    attempts.Add(connect(addresses[attempts.Count], over.Token));
                    running.Add(attempts[^1]);
                }

                bool isLast = attempts.Count == addresses.Length;
                await WaitAsync(running, isLast, time, over.Token).ConfigureAwait(false);
                if (running.Find(attempt => attempt.IsCompleted) is not { } ended)
                    continue;
                if (ended.IsCompletedSuccessfully)
                {
                    winner = ended;
                    return await ((Task<T>)ended).ConfigureAwait(false);
                }

                cancellationToken.ThrowIfCancellationRequested();
                running.Remove(ended);
                if (running.Count == 0 && isLast)
                    throw new AggregateException(attempts.Select(attempt => attempt.Exception?.InnerException ?? new OperationCanceledException()));
            }
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            foreach (Task<T> attempt in attempts)
            {
                if (attempt != winner)
                    _ = DisposeAsync(attempt);
            }
        }
    }

    /// <summary>Waits for an attempt to end, or for the next one to begin.</summary>
    private static async Task WaitAsync(List<Task> running, bool isLast, TimeProvider time, CancellationToken cancellationToken)
    {
        if (isLast)
        {
            await Task.WhenAny(running).ConfigureAwait(false);
            return;
        }

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task delay = Task.Delay(AttemptDelay, time, ended.Token);
        await Task.WhenAny([.. running, delay]).ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        await delay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task DisposeAsync<T>(Task<T> attempt)
        where T : IDisposable
    {
        await ((Task)attempt).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (attempt.IsCompletedSuccessfully)
            (await attempt.ConfigureAwait(false)).Dispose();
    }
}
