using System.Runtime.InteropServices;

namespace Sockeye.Transports.Linux;

/// <summary>The system calls of the event loop, and what their numbers mean on x64 and arm64.</summary>
/// <remarks>A call that fails returns -1; <see cref="Errno"/> tells why, when it is asked at once.</remarks>
internal static unsafe partial class Libc
{
    public const int Interrupted = 4;
    public const int Again = 11;
    public const int TooManyFiles = 24;
    public const int ConnectionAborted = 103;
    public const int InProgress = 115;

    public const uint PollIn = 0x1;
    public const uint PollOut = 0x4;
    public const uint PollError = 0x8;
    public const uint PollHangUp = 0x10;
    public const uint PollReadHangUp = 0x2000;
    public const uint PollEdge = 1u << 31;

    public const int ControlAdd = 1;
    public const int ControlModify = 3;

    public const int FamilyUnix = 1;
    public const int FamilyInet = 2;
    public const int FamilyInet6 = 10;

    public const int ShutdownReceive = 0;
    public const int ShutdownSend = 1;

    /// <summary>The most that a socket address takes: that of a Unix domain socket.</summary>
    public const int MaxAddress = 110;

    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;
    private const int NoSignal = 0x4000;
    private const int MoreComes = 0x8000;
    private const int DuplicateCloseOnExec = 1030;
    private const int Stream = 1;
    private const int LevelSocket = 1;
    private const int LevelTcp = 6;
    private const int OptionError = 4;
    private const int OptionLinger = 13;
    private const int OptionReusePort = 15;
    private const int OptionNoDelay = 1;

    // The kernel packs its event on x64 and on no other processor.
    private static readonly bool IsPacked = RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Gets the size of an event.</summary>
    public static int EventSize { get; } = IsPacked ? 12 : 16;

    /// <summary>Gets whether these numbers hold here.</summary>
    public static bool IsKnown { get; } = OperatingSystem.IsLinux()
        && RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64;

    /// <summary>Gets why the last call of this thread failed.</summary>
    public static int Errno => Marshal.GetLastSystemError();

    public static uint EventsOf(byte* at) => *(uint*)at;

    public static ulong DataOf(byte* at) => *(ulong*)(at + DataOffset);

    public static int Watch(int poll, int control, int descriptor, uint events, ulong data)
    {
        byte* at = stackalloc byte[16];
        *(uint*)at = events;
        *(ulong*)(at + DataOffset) = data;
        return epoll_ctl(poll, control, descriptor, at);
    }

    public static int CreatePoll() => epoll_create1(CloseOnExec);

    public static int Wait(int poll, byte* events, int capacity, int milliseconds) => epoll_wait(poll, events, capacity, milliseconds);

    /// <summary>Makes another descriptor for what a descriptor stands for.</summary>
    public static int Duplicate(int descriptor) => fcntl(descriptor, DuplicateCloseOnExec, 0);

    public static int CreateStream(int family) => socket(family, Stream | NonBlocking | CloseOnExec, 0);

    public static int Accept(int listener, byte* address, int* length) => accept4(listener, address, length, NonBlocking | CloseOnExec);

    public static int Connect(int descriptor, byte* address, int length) => connect(descriptor, address, length);

    public static nint Receive(int descriptor, byte* at, nint length) => recv(descriptor, at, length, 0);

    /// <summary>Sends, and holds back for a moment what fills no packet where more is about to follow, or the end.</summary>
    public static nint Send(int descriptor, byte* at, nint length, bool isMoreComing) =>
        send(descriptor, at, length, SendFlags(isMoreComing));

    /// <summary>Sends two pieces with one call.</summary>
    public static nint Send(int descriptor, byte* first, nint firstLength, byte* second, nint secondLength, bool isMoreComing)
    {
        Piece* pieces = stackalloc Piece[2];
        pieces[0] = new Piece { At = first, Length = firstLength };
        pieces[1] = new Piece { At = second, Length = secondLength };
        var message = new Message { Pieces = pieces, Count = 2 };
        return sendmsg(descriptor, &message, SendFlags(isMoreComing));
    }

    /// <summary>Receives into two pieces of memory with one call: the first is filled before the second.</summary>
    public static nint Receive(int descriptor, byte* first, nint firstLength, byte* second, nint secondLength)
    {
        Piece* pieces = stackalloc Piece[2];
        pieces[0] = new Piece { At = first, Length = firstLength };
        pieces[1] = new Piece { At = second, Length = secondLength };
        var message = new Message { Pieces = pieces, Count = 2 };
        return recvmsg(descriptor, &message, 0);
    }

    public static int Shutdown(int descriptor, int how) => shutdown(descriptor, how);

    public static int Close(int descriptor) => close(descriptor);

    public static void SetNoDelay(int descriptor)
    {
        int on = 1;
        _ = setsockopt(descriptor, LevelTcp, OptionNoDelay, &on, sizeof(int));
    }

    /// <summary>Lets several sockets listen on one port.</summary>
    public static int SetReusePort(int descriptor)
    {
        int on = 1;
        return setsockopt(descriptor, LevelSocket, OptionReusePort, &on, sizeof(int));
    }

    /// <summary>Makes closing send a reset, and drop what has not been sent.</summary>
    public static void SetReset(int descriptor)
    {
        int* linger = stackalloc int[2];
        linger[0] = 1;
        linger[1] = 0;
        _ = setsockopt(descriptor, LevelSocket, OptionLinger, linger, 2 * sizeof(int));
    }

    /// <summary>Takes the error that waits at a socket; 0 for none.</summary>
    public static int TakeError(int descriptor)
    {
        int error = 0;
        int length = sizeof(int);
        return getsockopt(descriptor, LevelSocket, OptionError, &error, &length) == 0 ? error : Errno;
    }

    public static int GetLocalAddress(int descriptor, byte* address, int* length) => getsockname(descriptor, address, length);

    public static int GetRemoteAddress(int descriptor, byte* address, int* length) => getpeername(descriptor, address, length);

    private static int DataOffset => IsPacked ? 4 : 8;

    private static int SendFlags(bool isMoreComing) => isMoreComing ? NoSignal | MoreComes : NoSignal;

    [StructLayout(LayoutKind.Sequential)]
    private struct Piece
    {
        public byte* At;
        public nint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public byte* Name;
        public int NameLength;
        public Piece* Pieces;
        public nint Count;
        public byte* Control;
        public nint ControlLength;
        public int Flags;
    }

    [LibraryImport("libc")]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc")]
    private static partial int epoll_ctl(int poll, int control, int descriptor, byte* data);

    [LibraryImport("libc")]
    private static partial int epoll_wait(int poll, byte* events, int capacity, int milliseconds);

    [LibraryImport("libc")]
    private static partial int fcntl(int descriptor, int command, int argument);

    [LibraryImport("libc")]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc")]
    private static partial int accept4(int listener, byte* address, int* length, int flags);

    [LibraryImport("libc")]
    private static partial int connect(int descriptor, byte* address, int length);

    [LibraryImport("libc")]
    private static partial nint recv(int descriptor, byte* at, nint length, int flags);

    [LibraryImport("libc")]
    private static partial nint recvmsg(int descriptor, Message* message, int flags);

    [LibraryImport("libc")]
    private static partial nint send(int descriptor, byte* at, nint length, int flags);

    [LibraryImport("libc")]
    private static partial nint sendmsg(int descriptor, Message* message, int flags);

    [LibraryImport("libc")]
    private static partial int shutdown(int descriptor, int how);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    [LibraryImport("libc")]
    private static partial int setsockopt(int descriptor, int level, int option, void* value, int length);

    [LibraryImport("libc")]
    private static partial int getsockopt(int descriptor, int level, int option, void* value, int* length);

    [LibraryImport("libc")]
    private static partial int getsockname(int descriptor, byte* address, int* length);

    [LibraryImport("libc")]
    private static partial int getpeername(int descriptor, byte* address, int* length);
}
