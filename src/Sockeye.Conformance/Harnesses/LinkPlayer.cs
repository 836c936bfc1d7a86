using System.Buffers;
using System.Net.Sockets;

namespace Sockeye.Conformance;

/// <summary>Plays a case over a connection that is open: it carries the bytes and the time to the play, and away from it.</summary>
/// <remarks>The lock guards the play. It is not held while something is read or written.</remarks>
internal sealed class LinkPlayer : IDisposable
{
    private static readonly TimeSpan HoldStep = TimeSpan.FromMilliseconds(10);

    private readonly Link _link;
    private readonly CasePlay _play;
    private readonly TimeProvider _time;
    private readonly Lock _sync = new();
    private readonly long _opened;
    private readonly CancellationTokenSource _over = new();
    private ITimer? _timer;
    private TimeSpan? _deadline;
    private Task _writing = Task.CompletedTask;
    private bool _isWriting;
    private bool _isShutDown;
    private Outgoing _spare = new();

    private LinkPlayer(Link link, CasePlay play, TimeProvider time)
    {
        _link = link;
        _play = play;
        _time = time;
        _opened = time.GetTimestamp();
    }

    private TimeSpan Now => _time.GetElapsedTime(_opened);

    /// <summary>Plays a case to its end.</summary>
    /// <param name="link">The connection, on which the opening handshake is over. It is left to the caller to dispose.</param>
    /// <param name="beyond">What came behind the opening handshake.</param>
    /// <param name="play">The case.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancel">Ends the connection at once.</param>
    /// <returns>How long it took.</returns>
    public static async Task<TimeSpan> PlayAsync(
        Link link, Memory<byte> beyond, CasePlay play, TimeProvider time, CancellationToken cancel)
    {
        using var player = new LinkPlayer(link, play, time);
        await using CancellationTokenRegistration registration = cancel.UnsafeRegister(static link => ((Link)link!).Abort(), link);
        await player.RunAsync(beyond).ConfigureAwait(false);
        cancel.ThrowIfCancellationRequested();
        return player.Now;
    }

    public void Dispose() => _over.Dispose();

    private async Task RunAsync(Memory<byte> beyond)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        _timer = _time.CreateTimer(static player => ((LinkPlayer)player!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        try
        {
            Act((play, now) =>
            {
                play.Start();
                play.Receive(beyond.Span, now);
            });
            while (!_play.IsOver)
            {
                int count = await ReadAsync(buffer).ConfigureAwait(false);
                Act((play, now) =>
                {
                    if (count > 0)
                        play.Receive(buffer.AsSpan(0, count), now);
                    else
                        play.ReceiveEnd(isReset: count < 0, now);
                });
            }
        }
        finally
        {
            _link.Abort();
            await _timer.DisposeAsync().ConfigureAwait(false);
            // Over HTTP/2 a write waits for room that the endpoint grants, and goes on to do so when the connection has ended.
            await _over.CancelAsync().ConfigureAwait(false);
            await _writing.ConfigureAwait(false);
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads.</summary>
    /// <returns>How many bytes came: 0 at the end, less where the connection broke.</returns>
    private async ValueTask<int> ReadAsync(Memory<byte> buffer)
    {
        while (HoldsReading())
            await Task.Delay(HoldStep, _time).ConfigureAwait(false);
        try
        {
            return await _link.Stream.ReadAsync(buffer, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (IsEndOfConnection(e))
        {
            return -1;
        }
    }

    private bool HoldsReading()
    {
        lock (_sync)
            return _play.HoldsReading;
    }

    private void OnTimer() => Act((play, now) =>
    {
        _deadline = null; // it is over, or the timer was early: either way it is set anew
        play.Tick(now);
    });

    /// <summary>Moves the play, and does what it asks for then.</summary>
    private void Act(Action<CasePlay, TimeSpan> move)
    {
        lock (_sync)
        {
            move(_play, Now);
            if (_play.Deadline != _deadline)
            {
                _deadline = _play.Deadline;
                // Timers count whole milliseconds: rather a little late than early.
                TimeSpan due = _deadline is { } deadline
                    ? TimeSpan.FromMilliseconds(Math.Ceiling(Math.Max(0, (deadline - Now).TotalMilliseconds)))
                    : Timeout.InfiniteTimeSpan;
                _timer!.Change(due, Timeout.InfiniteTimeSpan);
            }

            if (_play.Action == TransportAction.Abort)
            {
                _link.Abort();
                return;
            }

            if (_play.Action == TransportAction.Reset)
            {
                _link.Reset();
                return;
            }

            if (_isWriting)
                return;
            _isWriting = true;
        }

        _writing = WriteAsync();
    }

    /// <summary>Writes until there is nothing more to write. One at a time.</summary>
    private async Task WriteAsync()
    {
        try
        {
            while (TakeOutput(out bool shutsDown) is { } output)
            {
                foreach (ReadOnlyMemory<byte> write in output.Writes)
                    await _link.Stream.WriteAsync(write, _over.Token).ConfigureAwait(false);
                await _link.Stream.FlushAsync(_over.Token).ConfigureAwait(false); // HTTP/2 gathers
                output.Clear();
                _spare = output;
                if (shutsDown)
                    _link.ShutDown();
            }
        }
        catch (Exception e) when (IsEndOfConnection(e))
        {
            // The reading side tells how it ended. Nothing more is written: there is always a writer.
        }
    }

    /// <summary>Takes what is to be written next; where there is nothing, the writer ends.</summary>
    private Outgoing? TakeOutput(out bool shutsDown)
    {
        lock (_sync)
        {
            Outgoing? output = _play.TakeOutput(_spare);
            shutsDown = !_isShutDown && _play.Action == TransportAction.ShutDown;
            _isShutDown |= shutsDown;
            if (output is null && shutsDown)
                output = new Outgoing();
            _isWriting = output is not null;
            return output;
        }
    }

    private static bool IsEndOfConnection(Exception e) =>
        e is IOException or ObjectDisposedException or SocketException or OperationCanceledException;
}
