using Sockeye.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye;

/// <content>Pings and pongs, and what their round trips tell.</content>
public sealed partial class WebSocketConnection
{
    private PingTable? _pings;
    private SmoothedTime _roundTrip;

    /// <summary>Gets the smoothed round-trip time of the pings that were answered, those of
    /// <see cref="PingAsync(ReadOnlyMemory{byte}, CancellationToken)"/> and those that <see cref="WebSocketConnectionOptions.IdleTimeout"/>
    /// sends by itself: each counts for an eighth (RFC 6298, section 2). Null before the first. <see cref="ConfirmAsync"/>, which waits
    /// behind data, does not count. A peer that is never silent is not asked by itself: to keep the time current there, ping now and then.
    /// From any thread; it stays when the connection has ended.</summary>
    public TimeSpan? SmoothedRoundTripTime
    {
        get
        {
            lock (Sync)
                return _roundTrip.Value;
        }
    }

    /// <summary>Waits until the peer's WebSocket layer has read everything accepted so far: a ping is queued behind it and its pong
    /// awaited.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The time from the call to the pong.</returns>
    /// <exception cref="TimeoutException">See <see cref="PingAsync(ReadOnlyMemory{byte}, CancellationToken)"/>.</exception>
    /// <exception cref="WebSocketClosedException">The connection ended before that.</exception>
    public Task<TimeSpan> ConfirmAsync(CancellationToken cancellationToken = default) =>
        PingAsync([], inOrder: true, cancellationToken);

    /// <summary>Sends a ping, past any queued data, and waits for the pong.</summary>
    /// <param name="payload">The payload, at most 125 bytes; empty (the default) for one that no other ping has.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The round-trip time.</returns>
    /// <remarks>A pong is seen when this connection receives. It does not while <see cref="WebSocketConnectionOptions.ReadAhead"/> is
    /// full of messages that nobody reads, nor while a <see cref="MessageCallback"/> is incomplete: a callback must not await a pong.</remarks>
    /// <exception cref="ArgumentException">The payload is longer than 125 bytes.</exception>
    /// <exception cref="TimeoutException">For as long as <see cref="WebSocketConnectionOptions.IdleTimeout"/> (or up to twice as long)
    /// no pong came because this side does not receive: read the messages that wait. The connection stays as it is.</exception>
    /// <exception cref="WebSocketClosedException">The connection is closing, or ended before the pong.</exception>
    public Task<TimeSpan> PingAsync(ReadOnlyMemory<byte> payload = default, CancellationToken cancellationToken = default)
    {
        ThrowIfTooLong(payload);
        return PingAsync(payload.Span, inOrder: false, cancellationToken);
    }

    /// <summary>Sends a pong: the answer to a ping where <see cref="WebSocketConnectionOptions.AutoPong"/> is off, or an unsolicited
    /// sign of life.</summary>
    /// <param name="payload">The payload, at most 125 bytes; that of the ping for an answer.</param>
    /// <param name="cancellationToken">A token that is cancelled already sends nothing.</param>
    /// <returns>A task that completes when there is room, as that of a small message does: a peer that floods with pings and takes
    /// no pongs holds up whoever answers it.</returns>
    /// <exception cref="ArgumentException">The payload is longer than 125 bytes.</exception>
    /// <exception cref="WebSocketClosedException">The connection is closing or has ended.</exception>
    public ValueTask SendPongAsync(ReadOnlyMemory<byte> payload = default, CancellationToken cancellationToken = default)
    {
        ThrowIfTooLong(payload);
        return cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled(cancellationToken) : Send.SendPong(payload.Span);
    }

    /// <summary>Notes that pings are leaving. Called under the lock.</summary>
    internal void OnPingsLeave(PendingPing? leaving) => _pings?.Leave(leaving);

    internal void OnPong(ReadOnlySpan<byte> payload)
    {
        PendingPing? answered;
        lock (Sync)
        {
            answered = _pings?.Answer(payload);
            if (payload.IsEmpty && Deadlines.TakePong() is { } roundTrip)
                _roundTrip.Add(roundTrip);
        }

        for (; answered is not null; answered = answered.Next)
        {
            TimeSpan roundTrip = Deadlines.Since(answered.SentAt);
            Telemetry.Pinged(Role, roundTrip);
            if (answered is { IsSample: true, IsAnswered: true })
            {
                lock (Sync)
                    _roundTrip.Add(roundTrip);
            }

            answered.Pong.TrySetResult(roundTrip);
        }
    }

    /// <summary>Gets whether pings wait for their pongs. Called under the lock.</summary>
    internal bool HasPings => _pings is { IsEmpty: false };

    /// <summary>Fails the pings that were sent until a moment: this side does not receive, and may wait for them itself.</summary>
    internal void GiveUpPings(long sentUntil)
    {
        PendingPing? overdue;
        lock (Sync)
        {
            overdue = _pings?.TakeSentUntil(sentUntil);
            Deadlines.WatchPings();
        }

        FailPings(overdue, new TimeoutException(
            $"No pong was seen for {Terms.Options.IdleTimeout}, because nothing is received: messages wait and nobody reads them, or a "
            + "MessageCallback is incomplete. Read them, or do not await a ping inside the callback."));
    }

    private static void FailPings(PendingPing? pings, Exception exception)
    {
        for (; pings is not null; pings = pings.Next)
        {
            pings.Pong.TrySetException(exception);
            _ = pings.Pong.Task.Exception; // observed, whether anybody awaits it or not
        }
    }

    private Task<TimeSpan> PingAsync(ReadOnlySpan<byte> payload, bool inOrder, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<TimeSpan>(cancellationToken);

        PendingPing ping;
        lock (Sync)
        {
            if (IsClosing)
                return Task.FromException<TimeSpan>(ClosedException()).Observed();
            ping = (_pings ??= new PingTable()).Add(payload, Deadlines.Now, isSample: !inOrder);
            Deadlines.WatchPings();
        }

        // Where it is refused, the connection is ending, and the end answers the ping.
        Send.TrySendPing(ping, inOrder);
        return (cancellationToken.CanBeCanceled ? AwaitPong(ping, cancellationToken) : ping.Pong.Task).Observed();
    }

    private async Task<TimeSpan> AwaitPong(PendingPing ping, CancellationToken cancellationToken)
    {
        try
        {
            return await ping.Pong.Task.Observed().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            lock (Sync)
                _pings!.Remove(ping);
            throw;
        }
    }

    private static void ThrowIfTooLong(ReadOnlyMemory<byte> payload)
    {
        if (payload.Length > FrameHeader.MaxControlPayload)
        {
            throw new ArgumentException(
                $"A ping or pong carries at most {FrameHeader.MaxControlPayload} bytes (RFC 6455, section 5.5); this payload has {payload.Length}.",
                nameof(payload));
        }
    }
}
