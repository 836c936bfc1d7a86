namespace Sockeye.Transports.Linux;

/// <summary>Finds a socket by what the kernel reports: its descriptor, and a count that tells it from those that had it before.</summary>
/// <remarks>Descriptors are small numbers and the process has each once: an array is all it takes. Changes are made under a lock.</remarks>
internal static class EventLoopSockets
{
    private static readonly Lock Sync = new();
    private static EventLoopSocket?[] s_sockets = new EventLoopSocket?[1024];
    private static uint s_count;

    /// <summary>Adds a socket.</summary>
    /// <returns>What the kernel is to report.</returns>
    public static ulong Add(int descriptor, EventLoopSocket socket)
    {
        lock (Sync)
        {
            if (descriptor >= s_sockets.Length)
            {
                EventLoopSocket?[] larger = s_sockets;
                Array.Resize(ref larger, Math.Max(descriptor + 1, larger.Length * 2));
                Volatile.Write(ref s_sockets, larger);
            }

            s_sockets[descriptor] = socket;
            return ((ulong)++s_count << 32) | (uint)descriptor;
        }
    }

    /// <summary>Finds a socket; null where it has been closed.</summary>
    public static EventLoopSocket? Find(ulong identity)
    {
        EventLoopSocket? socket = Volatile.Read(ref s_sockets)[(uint)identity];
        return socket?.Identity == identity ? socket : null;
    }

    public static void Remove(int descriptor)
    {
        lock (Sync)
            s_sockets[descriptor] = null;
    }
}
