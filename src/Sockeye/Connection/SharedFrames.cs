using System.Buffers;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Frames that many connections send from the same memory: written once behind each other, so that what a connection has not
/// sent yet is one stretch of them.</summary>
/// <remarks>One thread at a time appends. The memory goes back when the writer and the last connection have let go.</remarks>
internal sealed class SharedFrames(ArrayPool<byte> pool, int capacity) : SharedMemory
{
    public byte[] Array { get; } = pool.Rent(capacity);

    /// <summary>Gets how much of the memory is used.</summary>
    public int End { get; private set; }

    /// <summary>Gets whether there is room for a frame.</summary>
    public bool HasRoom(int length) => Array.Length - End >= length;

    /// <summary>Appends a frame.</summary>
    /// <returns>Where it begins.</returns>
    public int Append(ReadOnlySpan<byte> frame)
    {
        int start = End;
        frame.CopyTo(Array.AsSpan(start));
        End += frame.Length;
        return start;
    }

    protected override void Free() => pool.Return(Array);
}
