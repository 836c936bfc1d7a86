using System.Net.Security;

namespace Sockeye.Transports;

/// <summary>Keeps the farewell of TLS apart from reads and writes.</summary>
/// <remarks><see cref="SslStream.ShutdownAsync"/> enters the native session without the lock that reads and writes of the same stream
/// take: beside one of them it destroys the memory of the process. So it is left out where one is under way, and whoever begins one
/// meanwhile waits for the few microseconds that it takes to make the record.</remarks>
/// <param name="tls">The stream; with null, nothing is said and nobody waits.</param>
internal struct TlsFarewell(SslStream? tls)
{
    private int _uses;

    private enum Use
    {
        Reading = 1,
        Writing = 2,
        Leaving = 4,
    }

    /// <summary>Notes that a read begins. There is one at a time.</summary>
    public void BeginRead() => Begin(Use.Reading);

    /// <summary>Notes that the read has ended.</summary>
    public void EndRead() => End(Use.Reading);

    /// <summary>Notes that a write begins. There is one at a time.</summary>
    public void BeginWrite() => Begin(Use.Writing);

    /// <summary>Notes that the write has ended.</summary>
    public void EndWrite() => End(Use.Writing);

    /// <summary>Says farewell, unless a read or a write is under way.</summary>
    /// <returns>What completes when it has been written; or that there is nothing to wait for.</returns>
    public Task SayAsync()
    {
        if (tls is null || Interlocked.CompareExchange(ref _uses, (int)Use.Leaving, 0) != 0)
            return Task.CompletedTask;
        try
        {
            return tls.ShutdownAsync();
        }
        finally
        {
            End(Use.Leaving);
        }
    }

    private void Begin(Use use)
    {
        if (tls is null)
            return;
        int before = Interlocked.Or(ref _uses, (int)use);
        var wait = default(SpinWait);
        while ((before & (int)Use.Leaving) != 0)
        {
            wait.SpinOnce();
            before = Volatile.Read(ref _uses);
        }
    }

    private void End(Use use)
    {
        if (tls is not null)
            Interlocked.And(ref _uses, ~(int)use);
    }
}
