using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Sockeye.Transports;

/// <summary>Carries bytes between the engine and whatever connects it to its peer.</summary>
/// <remarks>
/// <para>The transport owns the receive buffer, so that many connections can share one and an idle connection owns none.</para>
/// <para>One receive and one send may be under way at a time; they may come from different threads, and so may
/// <see cref="Abort"/>, which ends both. No token is ever passed in: the engine cancels its own waits.</para>
/// </remarks>
internal abstract class Transport : IAsyncDisposable
{
    private ReceiveWait? _wait;

    /// <summary>Gets the address of this side, where there is one.</summary>
    public virtual EndPoint? LocalEndPoint => null;

    /// <summary>Gets the address of the peer, where there is one.</summary>
    public virtual EndPoint? RemoteEndPoint => null;

    /// <summary>Gets whether the bytes travel under TLS that this process terminates.</summary>
    public virtual bool IsSecure => false;

    /// <summary>Gets the certificate that the peer presented; null for none.</summary>
    public virtual X509Certificate? PeerCertificate => null;

    /// <summary>Gets whether <see cref="ShutdownAsync"/> tells the peer that nothing more will come. Where it cannot, only disposing does.</summary>
    public virtual bool CanShutdown => true;

    /// <summary>Gets how many bytes the operating system (or whatever is below) has taken so far.</summary>
    public abstract long BytesSent { get; }

    /// <summary>Waits for bytes and presents them, together with those that were not consumed before, as one writable block.</summary>
    /// <param name="direct">Memory into which the transport may put the bytes that come first, instead of into the block; empty
    /// where everything belongs into the block. It is used only when all bytes presented before have been consumed.</param>
    /// <returns>What was received; valid until the next call, unless retained.</returns>
    /// <exception cref="IOException">The connection broke.</exception>
    public abstract ValueTask<ReceivedBlock> ReceiveAsync(ArraySegment<byte> direct);

    /// <summary>Tells somebody when a receive is over that had not completed at once: instead of awaiting it, and without an allocation
    /// for each.</summary>
    /// <param name="receive">The receive.</param>
    /// <param name="receiver">Who is told, the same one each time.</param>
    public virtual void NotifyReceived(ValueTask<ReceivedBlock> receive, IReceiver receiver) =>
        (_wait ??= new ReceiveWait(receiver)).Begin(receive);

    /// <summary>Says how many bytes of the current block have been used. The transport keeps the rest and presents it again.</summary>
    /// <param name="consumed">The number of bytes, from the start of the block.</param>
    public abstract void Advance(int consumed);

    /// <summary>Presents bytes that were read during the handshake first, as if they had just arrived. Called before the first
    /// receive of the engine, at most once, with at most 64 KiB, which is what one receive brings.</summary>
    /// <param name="bytes">The bytes, which are copied.</param>
    public abstract void Unread(ReadOnlySpan<byte> bytes);

    /// <summary>Keeps the memory of the current block valid beyond the next receive.</summary>
    /// <returns>The memory, with one reference added for the caller, who releases it once.</returns>
    public abstract SharedMemory Retain();

    /// <summary>Gives back the memory of the current block, of which nothing is needed any more. Called when no receive is under way;
    /// receiving may go on.</summary>
    public abstract void ReleaseBlock();

    /// <summary>Sends two pieces one after the other; completes when all of it has been taken.</summary>
    /// <param name="first">The first piece.</param>
    /// <param name="second">The second piece, often empty.</param>
    /// <exception cref="IOException">The connection broke.</exception>
    public abstract ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second);

    /// <summary>Names who is told when the code that took what was received holds the thread of the transport for long. By default
    /// nobody is: the threads of the runtime's pool are there to be held.</summary>
    /// <returns>Whether the thread that calls is watched, or need not be; else nothing may be held back on it.</returns>
    public virtual bool WatchStalls(IStallObserver observer) => true;

    /// <summary>Says that what is sent next is the last, and that <see cref="ShutdownAsync"/> follows at once: both may leave together, in
    /// one packet.</summary>
    public virtual void ExpectShutdown()
    {
    }

    /// <summary>Says that nothing more will be sent: TLS close_notify, unless a receive or a send is under way, then TCP FIN. Receiving
    /// goes on.</summary>
    public abstract ValueTask ShutdownAsync();

    /// <summary>Ends the connection at once, with RST where there is such a thing; a pending receive or send fails. Never throws, not
    /// even where what is below does: timers and cancelled tokens call it, and nobody above them would catch that.</summary>
    public abstract void Abort();

    /// <summary>Closes the connection in the ordinary way. A pending receive or send fails; the current block stays valid until
    /// <see cref="ReleaseBlock"/>.</summary>
    public abstract ValueTask DisposeAsync();
}

/// <summary>What a transport received.</summary>
/// <param name="Memory">The block: what was not consumed before, followed by what has come.</param>
/// <param name="Direct">How many bytes went into the memory that was offered; they come before the block on the wire.</param>
/// <param name="IsEnd">Whether the peer has ended its direction: nothing more will come.</param>
internal readonly record struct ReceivedBlock(ArraySegment<byte> Memory, int Direct, bool IsEnd);
