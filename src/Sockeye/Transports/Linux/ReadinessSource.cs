using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks.Sources;

namespace Sockeye.Transports.Linux;

/// <summary>Makes the edges of a socket awaitable, for what is not on the path of a message: streams, listeners, connecting.</summary>
/// <remarks>One wait to read and one to write may be under way. A wait ends also where the socket is closed; the next call on it
/// says so. Continuations run on the thread that leads the loop.</remarks>
internal sealed class ReadinessSource : IReadiness
{
    private readonly Wait _read = new();
    private readonly Wait _write = new();
    private EventLoopSocket _socket;

    public ReadinessSource(EventLoopSocket socket) => Use(socket);

    /// <summary>Goes over to another socket; whoever waits for the last one waits no longer.</summary>
    [MemberNotNull(nameof(_socket))]
    public void Use(EventLoopSocket socket)
    {
        _socket = socket;
        socket.User = this;
    }

    /// <summary>Waits for bytes, the end, or a connection to accept.</summary>
    /// <param name="again">Whether there may be something that has been reported already.</param>
    public ValueTask WaitReadableAsync(bool again = false)
    {
        ValueTask wait = _read.Begin();
        _socket.AwaitReadable(again);
        return wait;
    }

    /// <summary>Ends a wait for bytes before any have come: who waits goes on, on this thread where it can.</summary>
    /// <returns>False where nobody waits, or is about to go on.</returns>
    public bool TryEndRead()
    {
        if (!_socket.TryForgetReadable())
            return false;
        _read.End();
        return true;
    }

    /// <summary>Waits for room to send.</summary>
    public ValueTask WaitWritableAsync()
    {
        ValueTask wait = _write.Begin();
        _socket.AwaitWritable();
        return wait;
    }

    void IReadiness.OnReadable() => _read.End();

    void IReadiness.OnWritable() => _write.End();

    private sealed class Wait : IValueTaskSource
    {
        private ManualResetValueTaskSourceCore<bool> _core;

        public ValueTask Begin()
        {
            _core.Reset();
            return new ValueTask(this, _core.Version);
        }

        public void End() => _core.SetResult(true);

        void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

        void IValueTaskSource.OnCompleted(
            Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags);
    }
}
