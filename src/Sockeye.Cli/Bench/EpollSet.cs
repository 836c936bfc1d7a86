using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sockeye.Cli.Bench;

/// <summary>The sockets that one thread waits for. Each is registered once, edge-triggered, for reading and writing.</summary>
internal sealed unsafe class EpollSet : IDisposable
{
    private const int Capacity = 512;

    // struct epoll_event is packed on x86-64, and nowhere else.
    private static readonly int _dataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int _eventSize = _dataOffset + sizeof(ulong);

    private readonly int _epoll;
    private readonly byte* _events = (byte*)NativeMemory.Alloc(Capacity, (nuint)_eventSize);

    public EpollSet()
    {
        _epoll = Libc.EpollCreate(Libc.CloseOnExec);
        if (_epoll < 0)
            throw Libc.Failure("epoll_create1 failed");
    }

    /// <summary>Waits for sockets that are ready.</summary>
    /// <returns>How many there are; none where the time is over.</returns>
    public int Wait(int timeoutMilliseconds)
    {
        int count = Libc.EpollWait(_epoll, _events, Capacity, timeoutMilliseconds);
        if (count >= 0)
            return count;
        return Libc.LastError == Libc.Interrupted ? 0 : throw Libc.Failure("epoll_wait failed");
    }

    /// <summary>Gets one of the sockets that are ready: the number it was added with, and what it is ready for.</summary>
    public (int Number, uint Ready) this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            byte* one = _events + index * _eventSize;
            return ((int)Unsafe.ReadUnaligned<long>(one + _dataOffset), Unsafe.ReadUnaligned<uint>(one));
        }
    }

    /// <summary>Adds a socket. Closing it takes it out.</summary>
    public void Add(int fd, int number)
    {
        byte* change = stackalloc byte[_eventSize];
        Unsafe.WriteUnaligned(change, Libc.Readable | Libc.Writable | Libc.PeerShutDown | Libc.EdgeTriggered);
        Unsafe.WriteUnaligned(change + _dataOffset, (long)number);
        if (Libc.EpollControl(_epoll, Libc.EpollAdd, fd, change) != 0)
            throw Libc.Failure("epoll_ctl failed");
    }

    public void Dispose()
    {
        _ = Libc.Close(_epoll);
        NativeMemory.Free(_events);
    }
}
