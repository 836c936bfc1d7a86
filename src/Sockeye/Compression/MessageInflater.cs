using Sockeye.Protocol;

namespace Sockeye.Compression;

/// <summary>Inflates the messages of one connection with an inflater from the pool: lent for one message where the peer agreed to no context
/// takeover; otherwise from the first compressed message to the end of the connection, for its window cannot be had again (rule Z1).</summary>
/// <remarks>Belongs to the receive loop.</remarks>
/// <param name="pool">Where the inflater is rented.</param>
/// <param name="keepsContext">Whether the peer may refer to earlier messages.</param>
/// <param name="gate">What limits the threads at work; null where nothing does.</param>
internal sealed class MessageInflater(CodecPool<Inflater> pool, bool keepsContext, SemaphoreSlim? gate = null) : IMessageInflater
{
    private Inflater? _inflater;

    /// <summary>Gets what this machine failed with; null where what cannot be inflated is the fault of the peer.</summary>
    public Exception? Fault { get; private set; }

    public bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written)
    {
        gate?.Wait();
        try
        {
            bool isInflated = (_inflater ??= pool.Rent()).TryInflate(source, destination, out consumed, out written);
            Diagnostics.Telemetry.Inflated(consumed, written);
            return isInflated;
        }
        catch (Exception e)
        {
            Fault = e;
            consumed = written = 0;
            return false;
        }
        finally
        {
            gate?.Release();
        }
    }

    public bool TryEndMessage()
    {
        gate?.Wait();
        try
        {
            bool isWhole = (_inflater ??= pool.Rent()).TryEndMessage();
            if (!keepsContext)
                Dispose();
            return isWhole;
        }
        catch (Exception e)
        {
            Fault = e;
            return false;
        }
        finally
        {
            gate?.Release();
        }
    }

    public void Dispose()
    {
        if (_inflater is null)
            return;
        pool.Return(_inflater);
        _inflater = null;
    }
}
