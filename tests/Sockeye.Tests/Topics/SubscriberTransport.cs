using System.Globalization;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye.Tests.Topics;

/// <summary>A subscriber without a socket: reads the numbers at the beginning of what it is sent, at once or not at all.</summary>
internal sealed class SubscriberTransport : Transport
{
    private readonly Lock _sync = new();
    private readonly TaskCompletionSource<ReceivedBlock> _received = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<int> _numbers = [];
    private TaskCompletionSource? _stalled;
    private bool _isStalling;
    private long _bytesSent;

    public override long BytesSent => Volatile.Read(ref _bytesSent);

    /// <summary>Gets what has been read.</summary>
    public IReadOnlyList<int> Numbers
    {
        get
        {
            lock (_sync)
                return [.. _numbers];
        }
    }

    public int Count
    {
        get
        {
            lock (_sync)
                return _numbers.Count;
        }
    }

    /// <summary>Gets the code of the Close frame that came; null for none.</summary>
    public int? CloseCode { get; private set; }

    public void Stall()
    {
        lock (_sync)
            _isStalling = true;
    }

    public void Resume()
    {
        TaskCompletionSource? stalled;
        lock (_sync)
        {
            _isStalling = false;
            (stalled, _stalled) = (_stalled, null);
        }

        stalled?.TrySetResult();
    }

    public override ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        lock (_sync)
        {
            if (_isStalling)
            {
                _stalled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return TakeLaterAsync(_stalled.Task, first, second);
            }
        }

        Take(first.Span);
        Take(second.Span);
        return default;
    }

    public override ValueTask<ReceivedBlock> ReceiveAsync(ArraySegment<byte> direct) => new(_received.Task);

    public override void Advance(int consumed)
    {
        // Nothing comes.
    }

    public override void Unread(ReadOnlySpan<byte> bytes) => Assert.True(bytes.IsEmpty);

    public override SharedMemory Retain() => throw new NotSupportedException();

    public override void ReleaseBlock()
    {
        // There is none.
    }

    public override ValueTask ShutdownAsync() => default;

    public override void Abort()
    {
        TaskCompletionSource? stalled;
        lock (_sync)
            (stalled, _stalled) = (_stalled, null);
        stalled?.TrySetException(new IOException("The connection was aborted."));
        _received.TrySetException(new IOException("The connection was aborted."));
    }

    public override ValueTask DisposeAsync()
    {
        Abort();
        return default;
    }

    private async ValueTask TakeLaterAsync(Task resumed, ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        await resumed.ConfigureAwait(false);
        Take(first.Span);
        Take(second.Span);
    }

    private void Take(ReadOnlySpan<byte> frames)
    {
        Interlocked.Add(ref _bytesSent, frames.Length);
        lock (_sync)
        {
            while (FrameReader.TryReadFrame(frames, out FrameHeader header, out ReadOnlySpan<byte> payload))
            {
                if (header.Opcode == Opcode.Close)
                    CloseCode = (payload[0] << 8) | payload[1];
                else
                    _numbers.Add(int.Parse(Encoding.ASCII.GetString(payload[..payload.IndexOf((byte)' ')]), CultureInfo.InvariantCulture));
                frames = frames[(header.Size + payload.Length)..];
            }

            Assert.True(frames.IsEmpty, "A write held part of a frame.");
        }
    }
}
