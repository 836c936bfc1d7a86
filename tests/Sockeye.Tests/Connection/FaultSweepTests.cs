using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>The n-th operation of the transport fails, for every n: nothing hangs, nothing leaks, and the account tells why.</summary>
public sealed class FaultSweepTests
{
    public static TheoryData<Role, Fault, string> Sweeps => new MatrixTheoryData<Role, Fault, string>(
        Enum.GetValues<Role>(), Enum.GetValues<Fault>(), ["echo", "callback", "late reader", "events", "closing", "violation", "large"]);

    [Theory]
    [MemberData(nameof(Sweeps))]
    public async Task Fault_at_every_operation_ends_the_connection_with_its_cause(Role role, Fault fault, string session)
    {
        bool isReached = true;
        for (int n = 0; isReached; n++)
        {
            ScriptedTransport transport = null!;
            using var logs = new RecordedLogs();
            await using RawPeer peer = RawPeer.Create(
                role,
                o => o with { ReadAhead = 2000, LoggerFactory = logs },
                capacity: 3000,
                wrap: inner => transport = new ScriptedTransport(inner, n, fault));
            Task application = StartAsync(peer.Connection, session);
            Task<bool> playing = PlayAsync(peer, session);
            await Settle.UntilAsync(
                () =>
                {
                    // Time passes once the fault has come: the session without one needs none.
                    if (transport.Operations > n)
                        peer.Time.Advance(TimeSpan.FromMilliseconds(250));
                    return peer.Connection.Closed.IsCompleted && application.IsCompleted;
                },
                () => $"n = {n}, {peer.Connection.Closed.Status}, {application.Status}");
            CloseResult result = await peer.Connection.Closed;
            await application;
            isReached = transport.Operations > n;
            if (!isReached)
                Assert.True(await playing.Soon(), $"the session without a fault: {result}");
            else if (result.Exception is { } exception)
                Assert.True(exception.Message == "scripted" && result.Cause != CloseCause.HandlerFailed, $"n = {n}: {result}");
            // That a transport broke under a handler is no failure of the handler.
            Assert.Empty(logs.Loud);
            await Settle.UntilAsync(() => transport.IsAborted || transport.IsDisposed, () => $"n = {n}: {result}");
            if (result.Cause is CloseCause.TransportFailed)
                Assert.IsType<IOException>(result.Exception, exactMatch: false);
            Assert.True(n < 1000);
        }
    }

    /// <summary>What the application does; it never throws.</summary>
    private static Task StartAsync(WebSocketConnection connection, string session)
    {
        switch (session)
        {
            case "callback":
                return connection.RunAsync(new WebSocketHandler { Message = (socket, message) => socket.SendAsync(message) });
            case "late reader":
                return connection.RunAsync(async (socket, cancel) =>
                {
                    await Task.Yield();
                    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                        await socket.SendAsync(message, cancel);
                });
            case "events":
                return connection.RunAsync(async (socket, cancel) =>
                {
                    await foreach (WebSocketEvent e in socket.ReadEventsAsync(cancel))
                    {
                        if (e.Kind is WebSocketEventKind.Text or WebSocketEventKind.Binary && socket.IsOpen)
                            await socket.SendAsync(e.Message, cancel);
                    }
                });
            case "closing":
                return connection.RunAsync(async (socket, cancel) =>
                {
                    await socket.SendAsync(new byte[10_000], cancellationToken: cancel);
                    await socket.CloseAsync(CloseCode.GoingAway, "bye", cancel);
                });
            default:
                return connection.RunAsync(async (socket, cancel) =>
                {
                    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                        await socket.SendAsync(message, cancel);
                });
        }
    }

    /// <summary>What the peer does; false where the connection broke under it.</summary>
    private static Task<bool> PlayAsync(RawPeer peer, string session) => Task.Run(async () =>
    {
        try
        {
            Task<List<ReceivedFrame>> reading = peer.ReadToEndAsync();
            await peer.SendAsync(
                peer.TextFrame("0"),
                peer.Frame(Opcode.Ping, "p"u8),
                peer.Frame(Opcode.Binary, EventLog.Payload(session == "large" ? 70_000 : 1500)),
                peer.Frame(Opcode.Text, "1"u8, isFinal: false),
                peer.Frame(Opcode.Continuation, "2"u8),
                session == "violation" ? [0xFF, 0xFF] : peer.CloseFrame());
            await peer.Transport.ShutdownAsync();
            await reading;
            return true;
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            return false;
        }
    });
}
