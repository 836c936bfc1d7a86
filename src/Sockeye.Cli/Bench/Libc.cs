using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Sockeye.Cli.Bench;

/// <summary>The calls of Linux that the load generator drives its connections with, and their constants.</summary>
internal static unsafe partial class Libc
{
    public const int StreamSocket = 1;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000;
    public const int LevelTcp = 6;
    public const int TcpNoDelay = 1;
    public const int NoSignal = 0x4000;

    /// <summary>Of TCP: the bytes are dropped instead of copied.</summary>
    public const int Truncate = 0x20;

    public const int Interrupted = 4;
    public const int TryAgain = 11;
    public const int InProgress = 115;

    public const int EpollAdd = 1;
    public const uint Readable = 0x1;
    public const uint Writable = 0x4;
    public const uint Failed = 0x8;
    public const uint HungUp = 0x10;
    public const uint PeerShutDown = 0x2000;
    public const uint EdgeTriggered = 1u << 31;

    public const int ThreadCpuClock = 3;

    [LibraryImport("libc", EntryPoint = "socket")]
    public static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "connect")]
    public static partial int Connect(int fd, byte* address, int addressSize);

    [LibraryImport("libc", EntryPoint = "setsockopt")]
    public static partial int SetOption(int fd, int level, int option, void* value, int size);

    [LibraryImport("libc", EntryPoint = "send")]
    public static partial nint Send(int fd, byte* bytes, nint count, int flags);

    [LibraryImport("libc", EntryPoint = "recv")]
    public static partial nint Receive(int fd, byte* bytes, nint count, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    public static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "epoll_create1")]
    public static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl")]
    public static partial int EpollControl(int epoll, int operation, int fd, byte* change);

    [LibraryImport("libc", EntryPoint = "epoll_wait")]
    public static partial int EpollWait(int epoll, byte* events, int capacity, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    public static partial int GetTime(int clock, long* secondsAndNanoseconds);

    /// <summary>Gets the number of the error of the last call that returned -1.</summary>
    public static int LastError => Marshal.GetLastSystemError();

    public static string Describe(int error) => new Win32Exception(error).Message;

    public static IOException Failure(string what) => new($"{what}: {Describe(LastError)}.");

    /// <summary>Reads a clock of consumed processor time.</summary>
    /// <returns>Null where there is no such clock.</returns>
    public static TimeSpan? ReadClock(int clock)
    {
        long* time = stackalloc long[2];
        return GetTime(clock, time) == 0 ? TimeSpan.FromSeconds(time[0]) + TimeSpan.FromMicroseconds(time[1] / 1e3) : null;
    }
}
