using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Sends refusals such that their receiver surely gets to read them.</summary>
/// <remarks>Closing a socket that still holds unread bytes resets the connection, and the reset may overtake the answer. So this
/// side ends its direction first and reads on for a while, within bounds, throwing away what comes.</remarks>
internal static class Refusals
{
    private const int MaxDrainedBytes = 256 * 1024;

    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Makes the answer of a server that cannot serve the request now, but may soon.</summary>
    public static HandshakeRefusal Unavailable(string body) => new(503, new HttpHeaders { { "Retry-After", "1" } }, body);

    /// <summary>Writes the answer. Never throws: a connection that breaks meanwhile has nobody left
    /// to tell.</summary>
    public static async Task WriteAsync(Transport transport, HandshakeRefusal refusal, bool omitBody)
    {
        try
        {
            await transport.SendAsync(refusal.ToBytes(omitBody), default).ConfigureAwait(false);
        }
        catch (Exception)
        {
            transport.Abort();
        }
    }

    /// <summary>Ends the connection after the answer; never throws for what the peer does.</summary>
    public static async Task FinishAsync(Transport transport, TimeProvider time)
    {
        ITimer timer = time.CreateTimer(
            static state => ((Transport)state!).Abort(), transport, DrainTimeout, Timeout.InfiniteTimeSpan);
        try
        {
            await transport.ShutdownAsync().ConfigureAwait(false);
            for (int drained = 0; drained < MaxDrainedBytes;)
            {
                ReceivedBlock block = await transport.ReceiveAsync(default).ConfigureAwait(false);
                transport.Advance(block.Memory.Count);
                if (block.IsEnd)
                    break;
                drained += block.Memory.Count;
            }
        }
        catch (Exception)
        {
            transport.Abort(); // the peer is gone, or the timer has ended it: there is nobody left to tell
        }

        await timer.DisposeAsync().ConfigureAwait(false);
        await CloseAsync(transport).ConfigureAwait(false);
    }

    /// <summary>Closes a transport that nobody receives from any more; what its stream throws while it goes is of no use to
    /// anybody.</summary>
    public static async Task CloseAsync(Transport transport)
    {
        try
        {
            await transport.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            transport.Abort();
        }

        transport.ReleaseBlock();
    }
}
