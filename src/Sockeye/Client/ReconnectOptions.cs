using System.Runtime.CompilerServices;

namespace Sockeye;

/// <summary>Sets when and how often a client connects again. Immutable.</summary>
/// <remarks>A wrong value throws <see cref="ArgumentOutOfRangeException"/> where it is set. The clock and the logs are those of
/// <see cref="Client"/>'s <see cref="WebSocketClientOptions.Connection"/>.</remarks>
public sealed record ReconnectOptions
{
    /// <summary>The default options.</summary>
    public static ReconnectOptions Default { get; } = new();

    /// <summary>Gets how to connect; <see cref="WebSocketClientOptions.Default"/> by default. Reading a connection ends without an exception
    /// however it ended, whatever <see cref="WebSocketConnectionOptions.ThrowOnAbnormalClose"/> says: who reconnects deals with the end.</summary>
    public WebSocketClientOptions Client
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Client));
            field = value;
        }
    } = WebSocketClientOptions.Default;

    /// <summary>Gets what makes one attempt, for example with a fresh token in its headers, to another address or over a stream; by default
    /// <see cref="WebSocketClient.ConnectAsync(Uri, WebSocketClientOptions, CancellationToken)"/> with the attempt's address and
    /// options. What it throws is judged as any other failure of the attempt.</summary>
    public Func<ConnectAttempt, CancellationToken, Task<WebSocketConnection>> Connect
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Connect));
            field = value;
        }
    } = static (attempt, cancel) => WebSocketClient.ConnectAsync(attempt.Uri, attempt.Options, cancel);

    /// <summary>Gets how long one attempt may take as a whole, <see cref="Connect"/> with all that it does; 30 s by default, at least
    /// 1 ms. <see cref="WebSocketClientOptions.ConnectTimeout"/> bounds the handshake within it.</summary>
    public TimeSpan AttemptTimeout
    {
        get;
        init => field = InRange(value);
    } = TimeSpan.FromSeconds(30);

    /// <summary>Gets the longest delay after the first failure; 1 s by default, at least 1 ms. Each delay is random, from none at all to a
    /// bound that begins with this and doubles with each round of failures ("full jitter"), so that clients which lost their connections
    /// together do not come back together.</summary>
    public TimeSpan InitialDelay
    {
        get;
        init => field = InRange(value);
    } = TimeSpan.FromSeconds(1);

    /// <summary>Gets the bound that the delays never grow beyond; 60 s by default, at least 1 ms.</summary>
    public TimeSpan MaxDelay
    {
        get;
        init => field = InRange(value);
    } = TimeSpan.FromSeconds(60);

    /// <summary>Gets how long a connection must have been open for its loss to count as the first failure again; 5 s by default. A server
    /// that accepts connections and drops them at once is not asked ever faster.</summary>
    public TimeSpan MinUptime
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero, nameof(MinUptime));
            field = value;
        }
    } = TimeSpan.FromSeconds(5);

    /// <summary>Gets how long an end point that closed with 1012 (service restart) is left alone at least; 5 s by default, as its
    /// registration recommends.</summary>
    public TimeSpan MinRestartDelay
    {
        get;
        init => field = InRange(value);
    } = TimeSpan.FromSeconds(5);

    /// <summary>Gets how long an end point that closed with 1012 is left alone at most; 30 s by default. The delay is random between the two;
    /// a value below <see cref="MinRestartDelay"/> counts as that.</summary>
    public TimeSpan MaxRestartDelay
    {
        get;
        init => field = InRange(value);
    } = TimeSpan.FromSeconds(30);

    /// <summary>Gets the longest <c>Retry-After</c> that is respected; 10 minutes by default. A longer one counts as this.</summary>
    public TimeSpan MaxRetryAfter
    {
        get;
        init => field = InRange(value);
    } = TimeSpan.FromMinutes(10);

    /// <summary>Gets what says whether a failure is final: nothing is tried after one. By default <see cref="ReconnectFailure.IsFatal"/>
    /// of the failure. It is asked once for each failure, in order.</summary>
    public Func<ReconnectFailure, bool> IsFatal
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(IsFatal));
            field = value;
        }
    } = static failure => failure.IsFatal;

    /// <summary>Gets where the randomness of the delays comes from, from 0 up to 1.</summary>
    internal Func<double> Random { get; init; } = System.Random.Shared.NextDouble;

    internal TimeProvider TimeProvider => Client.Connection.TimeProvider;

    private static TimeSpan InRange(TimeSpan value, [CallerMemberName] string name = "")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(1), name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromDays(1), name);
        return value;
    }
}
