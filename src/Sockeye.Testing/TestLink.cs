namespace Sockeye.Testing;

/// <summary>A connection in memory that behaves as TCP does, and as badly as a test wants: two streams, each of which reads what the
/// other one writes, and between them two directions that split, delay, stall, end and break on script.</summary>
/// <remarks>
/// <para>The streams carry a connection without a handshake (<see cref="WebSocketPair"/>,
/// <see cref="WebSocketConnection.CreateFromStream"/>) or with one: <see cref="WebSocketClient.ConnectAsync(Stream, Uri,
/// WebSocketClientOptions, CancellationToken)"/> at one end, <see cref="WebSocketUpgrade"/> at the other.</para>
/// <para>Disposing a stream ends its direction in order, as closing a socket does: the other one reads what was written, then the end,
/// and can write no more. <see cref="Reset"/> breaks both at once. All members may be used from any thread.</para>
/// </remarks>
public sealed class TestLink
{
    /// <summary>Makes a link that passes everything on at once.</summary>
    /// <param name="capacity">How many bytes each direction holds before a write waits; 256 KiB by default, at least 1.</param>
    /// <param name="timeProvider">The clock of <see cref="TestLinkDirection.Delay"/>; the system's by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">The capacity is below 1.</exception>
    public TestLink(int capacity = 256 * 1024, TimeProvider? timeProvider = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        timeProvider ??= TimeProvider.System;
        ToServer = new TestLinkDirection(this, capacity, timeProvider);
        ToClient = new TestLinkDirection(this, capacity, timeProvider);
        Client = new TestLinkStream(ToClient, ToServer);
        Server = new TestLinkStream(ToServer, ToClient);
    }

    /// <summary>Gets the stream of the client's end. Asynchronous reads and writes alone.</summary>
    public Stream Client { get; }

    /// <summary>Gets the stream of the server's end. Asynchronous reads and writes alone.</summary>
    public Stream Server { get; }

    /// <summary>Gets the way from the client to the server.</summary>
    public TestLinkDirection ToServer { get; }

    /// <summary>Gets the way from the server to the client.</summary>
    public TestLinkDirection ToClient { get; }

    /// <summary>Breaks the link, as TCP RST does: what is on its way is lost, and what waits or comes later at either end fails with an
    /// <see cref="IOException"/>. Idempotent.</summary>
    public void Reset()
    {
        ToServer.Break();
        ToClient.Break();
    }

    /// <summary>Stalls both directions: a cable that is cut. Nothing arrives, and nobody is told.</summary>
    public void Stall()
    {
        ToServer.Stall();
        ToClient.Stall();
    }

    /// <summary>Lets both directions go on.</summary>
    public void Resume()
    {
        ToServer.Resume();
        ToClient.Resume();
    }
}
