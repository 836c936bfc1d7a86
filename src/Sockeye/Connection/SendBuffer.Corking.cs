using System.Runtime.CompilerServices;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye;

/// <content>What the thread of the receive loop sends while received input waits to be parsed (rule S10): framed without the lock, into
/// a chunk that this thread alone fills.</content>
/// <remarks>Frames are published by one write of <see cref="_corked"/>, behind their bytes. Whoever holds the lock takes what has been
/// published, as if it had been queued at once: all that comes to the output goes behind it (rule S3).</remarks>
internal sealed partial class SendBuffer
{
    // What is corked is counted in one value: messages above, bytes below.
    private const int MessageShift = 32;

    private readonly int _corkable;

    // Belongs to the thread of the loop; others read it up to what is published, and under the lock alone.
    private byte[]? _cork;

    // Published by the thread of the loop.
    private long _corked;

    // How much of it has been taken: guarded by the lock.
    private long _corkTaken;

    /// <summary>Frames a message where the calling code runs on the receive loop and there is room.</summary>
    /// <returns>False where the message must take the ordinary way.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryCork(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        int size = FrameWriter.GetHeaderSize(payload.Length, _isClient) + payload.Length;
        if (!CanCork(payload.Length, size))
            return false;
        WriteFrame(_cork.AsSpan((int)_corked, size), opcode, payload);
        return TryPublish(size);
    }

    /// <summary>Frames a text likewise.</summary>
    private bool TryCorkText(string text, int length)
    {
        int size = FrameWriter.GetHeaderSize(length, _isClient) + length;
        if (!CanCork(length, size))
            return false;
        Span<byte> frame = _cork.AsSpan((int)_corked, size);
        if (_isClient)
        {
            uint key = MaskKeys.Next(MaskSource);
            int header = FrameWriter.WriteMaskedHeader(frame, Opcode.Text, isFinal: true, length, key);
            Encoding.UTF8.GetBytes(text, frame[header..]);
            Masking.Apply(frame[header..], key);
        }
        else
        {
            int header = FrameWriter.WriteHeader(frame, Opcode.Text, isFinal: true, length);
            Encoding.UTF8.GetBytes(text, frame[header..]);
        }

        return TryPublish(size);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool CanCork(int length, int size)
    {
        if (length > _corkable || !_connection.Receive.IsCorking || Volatile.Read(ref _isClosed))
            return false;
        byte[] cork = _cork ??= Arrays.Rent(ChunkSize);
        int end = (int)_corked;
        return cork.Length - end >= size && Volatile.Read(ref _buffered) + end + size <= _highWater;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryPublish(int size)
    {
        Volatile.Write(ref _corked, _corked + Counted(size));
        // Another thread may have closed the connection, and counted what was there, before it saw this message.
        if (Volatile.Read(ref _isClosed) && TryTakeBack(size))
            return false;
        // Or it may have found this one held, and taken what was there.
        if (!_connection.Receive.IsCorking)
            FlushLater();
        return true;
    }

    /// <summary>Takes back the message that was published last, unless whoever closed the connection has seen it.</summary>
    private bool TryTakeBack(int size)
    {
        lock (_connection.Sync)
        {
            if (_corkTaken == _corked)
                return false;
            _corked -= Counted(size);
            return true;
        }
    }

    private static long Counted(int size) => (1L << MessageShift) + size;

    /// <summary>Puts what has been corked behind all that is queued. Called under the lock, before anything else is queued, and before
    /// the output is looked at.</summary>
    private void TakeCork()
    {
        long corked = Volatile.Read(ref _corked);
        long rest = corked - _corkTaken;
        // Once the account is made, it is not taken any more: who has corked it finds that, and takes it back.
        if (rest == 0 || _connection.Result is not null)
            return;

        int start = (int)_corkTaken;
        int bytes = (int)rest;
        int messages = (int)(rest >> MessageShift);
        _corkTaken = corked;
        _acceptedMessages += messages;
        if (_isClosed)
        {
            // Accepted in the very moment in which another thread began to close the connection.
            Ending.LostBytes += bytes;
            Ending.HasDropped = true;
        }
        else
        {
            bool isMine = _connection.Receive.IsRunningHere;
            OutputSegment chunk = isMine && !HasRoom(_queue.Tail, bytes) ? HandOverCork(start) : ChunkFor(ref _queue, bytes);
            if (_cork is not null)
                _cork.AsSpan(start, bytes).CopyTo(chunk.Array.AsSpan(chunk.End));
            chunk.End += bytes;
            chunk.Messages += messages;
            if (isMine)
                _corked = _corkTaken = 0;
            Volatile.Write(ref _buffered, _buffered + bytes);
        }
    }

    /// <summary>Queues the chunk itself, where nothing is queued that it could go behind.</summary>
    private OutputSegment HandOverCork(int start)
    {
        OutputSegment chunk = OutputSegment.Rent(OutputKind.Frames);
        chunk.Array = _cork;
        chunk.Start = chunk.End = start;
        _queue.Append(chunk);
        _cork = null;
        return chunk;
    }

    /// <summary>Puts the chunk back when the receive loop has ended.</summary>
    public void ReleaseCork()
    {
        lock (_connection.Sync)
        {
            TakeCork();
            if (_cork is not null)
                Arrays.Return(_cork);
            _cork = null;
            _corked = _corkTaken = 0;
        }
    }
}
