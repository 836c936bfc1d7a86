namespace Sockeye.Testing;

/// <summary>One direction of a <see cref="TestLink"/>: what it does to the bytes that pass is set here, at any time.</summary>
/// <remarks>Bytes have passed once they have been read at the other end. What is on its way stays in its order whatever is set.</remarks>
public sealed class TestLinkDirection
{
    private readonly TestLink _link;
    private readonly int _capacity;
    private readonly TimeProvider _time;

    // Guarded by the lock.
    private readonly Lock _sync = new();
    private readonly Queue<Piece> _pieces = new();
    private readonly List<(long At, Action<TestLink> Action)> _script = [];
    private TaskCompletionSource _change = NewChange();
    private ITimer? _timer;
    private int _held;
    private long _passed;
    private int _maxRead = int.MaxValue;
    private TimeSpan _delay;
    private bool _isStalled;
    private bool _isEnded;
    private bool _isUnread;
    private bool _isBroken;

    internal TestLinkDirection(TestLink link, int capacity, TimeProvider time)
    {
        _link = link;
        _capacity = capacity;
        _time = time;
    }

    /// <summary>Gets how many bytes have passed.</summary>
    public long BytesPassed
    {
        get
        {
            lock (_sync)
                return _passed;
        }
    }

    /// <summary>Gets how many bytes are on their way.</summary>
    public int BytesHeld
    {
        get
        {
            lock (_sync)
                return _held;
        }
    }

    /// <summary>Gets or sets how many bytes one read gives at most: 1 splits everything between any two bytes. No limit by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int MaxRead
    {
        get
        {
            lock (_sync)
                return _maxRead;
        }

        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            lock (_sync)
                _maxRead = value;
        }
    }

    /// <summary>Gets or sets how long what is written from now on, and the end, is on its way, on the clock of the link; none by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public TimeSpan Delay
    {
        get
        {
            lock (_sync)
                return _delay;
        }

        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
            lock (_sync)
                _delay = value;
        }
    }

    /// <summary>Lets nothing arrive from now on, not even the end. Writes wait once <see cref="BytesHeld"/> is at the capacity.</summary>
    public void Stall()
    {
        lock (_sync)
            _isStalled = true;
    }

    /// <summary>Lets what is on its way arrive again.</summary>
    public void Resume() => Set(static direction => direction._isStalled = false);

    /// <summary>Ends this direction behind what is on its way, as TCP FIN does: a half-close where the other one goes on. Further writes
    /// fail. Idempotent.</summary>
    public void End() => Set(static direction =>
    {
        if (!direction._isEnded)
            direction.Append([]);
        direction._isEnded = true;
    });

    /// <summary>Says what happens once so many bytes have passed, counted from the beginning of the link: a read ends there, and the action
    /// runs before its reader goes on. Where more have passed already, it runs at once.</summary>
    /// <param name="bytes">The number of bytes, at least 0.</param>
    /// <param name="action">What to do, for example <c>link => link.Reset()</c>. It must neither throw nor wait.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public void At(long bytes, Action<TestLink> action)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentNullException.ThrowIfNull(action);
        lock (_sync)
        {
            if (_passed < bytes)
            {
                _script.Add((bytes, action));
                return;
            }
        }

        action(_link);
    }

    internal void Break() => Set(static direction =>
    {
        direction._isBroken = true;
        direction.Discard();
    });

    /// <summary>Notes that nobody reads any more: whoever writes learns of it.</summary>
    internal void Abandon() => Set(static direction =>
    {
        direction._isUnread = true;
        direction.Discard();
    });

    internal async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int count;
        List<Action<TestLink>>? due;
        while (!TryRead(buffer.Span, out count, out due, out Task change))
            await change.WaitAsync(cancellationToken).ConfigureAwait(false);
        // Outside the lock: an action may take that of the other direction.
        due?.ForEach(action => action(_link));
        return count;
    }

    internal async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task change;
            lock (_sync)
            {
                if (_isBroken)
                    throw new IOException("The link was reset.");
                if (_isEnded || _isUnread)
                    throw new IOException(_isEnded ? "This direction of the link has ended." : "The other end was closed.");
                int count = Math.Min(buffer.Length, _capacity - _held);
                if (count > 0)
                {
                    Append(buffer[..count].ToArray());
                    Changed();
                    buffer = buffer[count..];
                }

                if (buffer.IsEmpty)
                    return;
                change = _change.Task;
            }

            await change.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Reads what has arrived.</summary>
    /// <returns>Whether something was read, or the end; else there is a change to wait for.</returns>
    private bool TryRead(Span<byte> buffer, out int count, out List<Action<TestLink>>? due, out Task change)
    {
        count = 0;
        due = null;
        lock (_sync)
        {
            if (_isBroken)
                throw new IOException("The link was reset.");
            ObjectDisposedException.ThrowIf(_isUnread, typeof(TestLinkStream));
            change = _change.Task;
            if (_isStalled)
                return false;
            if (!_pieces.TryPeek(out Piece? piece) || !IsDue(piece))
                return false;
            if (!buffer.IsEmpty && !piece.IsEnd)
                count = Take(piece, buffer, out due);
            return true;
        }
    }

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Set(Action<TestLinkDirection> set)
    {
        lock (_sync)
        {
            set(this);
            Changed();
        }
    }

    /// <summary>Wakes those who wait. Called under the lock.</summary>
    private void Changed()
    {
        _change.SetResult();
        _change = NewChange();
    }

    private void Append(byte[] bytes)
    {
        _pieces.Enqueue(new Piece(bytes, _time.GetTimestamp() + Ticks(_delay)));
        _held += bytes.Length;
    }

    private void Discard()
    {
        _pieces.Clear();
        _held = 0;
        _timer?.Dispose();
        _timer = null;
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * _time.TimestampFrequency);

    /// <summary>Tells whether a piece has arrived; where it has not, whoever waits is woken when it does.</summary>
    private bool IsDue(Piece piece)
    {
        long now = _time.GetTimestamp();
        if (piece.DueAt <= now)
            return true;
        _timer?.Dispose();
        _timer = _time.CreateTimer(
            static state => ((TestLinkDirection)state!).Set(static _ => { }),
            this,
            _time.GetElapsedTime(now, piece.DueAt),
            Timeout.InfiniteTimeSpan);
        return false;
    }

    private int Take(Piece piece, Span<byte> buffer, out List<Action<TestLink>>? due)
    {
        int count = Math.Min(Math.Min(buffer.Length, piece.Bytes.Length - piece.Taken), _maxRead);
        foreach ((long at, _) in _script)
            count = (int)Math.Min(count, at - _passed);
        piece.Bytes.AsSpan(piece.Taken, count).CopyTo(buffer);
        piece.Taken += count;
        if (piece.Taken == piece.Bytes.Length)
            _pieces.Dequeue();
        _held -= count;
        _passed += count;
        due = null;
        for (int i = 0; i < _script.Count; i++)
        {
            if (_script[i].At > _passed)
                continue;
            (due ??= []).Add(_script[i].Action);
            _script.RemoveAt(i--);
        }

        Changed();
        return count;
    }

    /// <summary>What was written at once; the end is an empty one, which stays.</summary>
    private sealed class Piece(byte[] bytes, long dueAt)
    {
        public byte[] Bytes { get; } = bytes;

        public bool IsEnd => Bytes.Length == 0;

        public long DueAt { get; } = dueAt;

        public int Taken { get; set; }
    }
}
