using Microsoft.Extensions.Logging;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Attacks;

/// <summary>Whatever a peer sends, no exception escapes, no task fails unseen, the server goes on, and its log is not the peer's to write.
/// Rows V43 and V45 of the attack catalogue.</summary>
[Collection(nameof(Alone))]
[Trait("Category", "Repeated")]
public sealed class EscapeTests
{
    private static readonly byte[] FirstBytes = [0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A];

    [Fact]
    public async Task V43_Malformed_input_ends_its_own_connection_and_nothing_else()
    {
        List<Exception> escaped = [];
        void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e)
        {
            lock (escaped)
                escaped.Add(e.Exception);
        }

        Collect(); // what other tests have left behind is not ours
        TaskScheduler.UnobservedTaskException += OnUnobserved;
        using var log = new TextLog();
        int ends = 0;
        int count = Repeat.Times(ordinary: 400, full: 50_000);
        try
        {
            await using var test = new ServerTest(options => options with
            {
                // Real time: a connection that breaks while its handler is away delivers what it has received for a while.
                Connection = Violations.Limit(options.Connection with { LoggerFactory = log, TimeProvider = TimeProvider.System }),
            });
            test.Server.Map("/*", async (socket, cancel) =>
            {
                try
                {
                    await ServerTest.EchoAsync(socket, cancel);
                }
                finally
                {
                    // An end in good manners or the one exception for all others; nothing else comes out of a connection.
                    CloseResult result = await socket.Closed;
                    Interlocked.Increment(ref ends);
                    Assert.True(result.Cause is CloseCause.Peer or CloseCause.Violation or CloseCause.TransportEnded or CloseCause.TransportFailed);
                }
            });
            await test.Server.StartAsync();
            int opened = 0;
            await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (seed, _) =>
            {
                if (await AttackAsync(test, seed).WaitAsync(RawClient.Patience, CancellationToken.None))
                    Interlocked.Increment(ref opened);
            });
            await test.AssertServesAsync();
            await test.AssertNothingIsLeftAsync();
            Assert.InRange(opened, 1, count);
            await Settle.UntilAsync(() => Volatile.Read(ref ends) >= opened);
            Collect();
            await Task.Yield();
            Collect();
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= OnUnobserved;
        }

        Assert.Empty(escaped);
        Assert.DoesNotContain(log.Lines, line => line.Level > LogLevel.Information);
        Assert.All(log.Lines, line => Assert.DoesNotContain(line.Text, c => c is < ' ' or > '~'));
    }

    // What the head of a request can put into a log: HandshakeLogTests.
    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task V45_Text_of_a_peer_is_in_no_line_and_in_no_exception(Role role)
    {
        const string Forged = "forged\r\nfail: \u001B[31m\u009B2J\u202E";
        using var log = new TextLog();
        foreach (string how in (string[])["close", "message", "ping", "violation", "broken text"])
        {
            await using RawPeer peer = RawPeer.Create(role, o => o with { LoggerFactory = log });
            Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    await socket.SendAsync(message, cancel);
                // Its own exception is its own; that of the connection is ours.
                throw new WebSocketClosedException(await socket.Closed);
            });
            await peer.SendAsync(how switch
            {
                "close" => peer.CloseFrame(CloseCode.GoingAway, Forged),
                "message" => peer.TextFrame(Forged),
                "ping" => peer.Frame(Opcode.Ping, System.Text.Encoding.UTF8.GetBytes(Forged)),
                "violation" => Wire.Raw(0x8F, System.Text.Encoding.UTF8.GetBytes(Forged), isMasked: role == Role.Server),
                _ => peer.Frame(Opcode.Text, [.. System.Text.Encoding.UTF8.GetBytes(Forged), 0xFF]),
            });
            await peer.Transport.ShutdownAsync();
            await handling.Soon();
            CloseResult result = await peer.Connection.Closed;
            Assert.DoesNotContain(new WebSocketClosedException(result).ToString(), "forged", StringComparison.Ordinal);
            if (how == "close")
                Assert.Equal(Forged, result.ReceivedReason);
        }

        Assert.NotEmpty(log.Lines);
        Assert.All(log.Lines, line => Assert.DoesNotContain(line.Text, c => c is < ' ' or > '~'));
        Assert.All(log.Lines, line => Assert.DoesNotContain("forged", line.Text + line.Exception, StringComparison.Ordinal));
    }

    /// <summary>Sends one malformed session.</summary>
    /// <returns>Whether the server had opened the connection.</returns>
    private static async Task<bool> AttackAsync(ServerTest test, int seed)
    {
        var random = new Random(seed);
        using RawClient client = await RawClient.ConnectAsync(test.Server);
        byte[] request = System.Text.Encoding.ASCII.GetBytes(RawClient.Request(test.Server));
        byte[] frames = Frames(random);
        // Most of them go wrong behind the handshake, some in it, and some stop anywhere.
        bool inHead = random.Next(4) == 0;
        byte[] wire = [.. request, .. frames];
        int from = inHead ? 0 : request.Length;
        for (int flips = random.Next(1, 5); flips > 0; flips--)
            wire[random.Next(from, inHead ? request.Length : wire.Length)] ^= (byte)(1 << random.Next(8));
        if (random.Next(4) == 0)
            wire = wire[..random.Next(from, wire.Length)];
        int cut = random.Next(wire.Length + 1);
        string received;
        try
        {
            await client.SendAsync(wire[..cut]);
            await client.SendAsync(wire[cut..]);
            if (random.Next(4) == 0)
            {
                client.Socket.LingerState = new(enable: true, seconds: 0);
                return false;
            }

            client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            received = await client.ReadToEndAsync();
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            // A refused request whose rest nobody reads may end in a reset.
            return false;
        }

        return received.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal);
    }

    private static byte[] Frames(Random random)
    {
        List<byte> frames = [];
        for (int count = random.Next(1, 8); count > 0; count--)
        {
            byte[] payload = EventLog.Payload(random.Next(8) == 0 ? random.Next(70_000) : random.Next(130), random.Next());
            frames.AddRange(Wire.Raw(FirstBytes[random.Next(FirstBytes.Length)], payload, isMasked: true));
        }

        Rule rule = (Rule)random.Next(Enum.GetValues<Rule>().Length);
        if (random.Next(2) == 0 && Violations.Concerns(rule, Role.Server))
            frames.AddRange(Violations.Break(rule, Role.Server, random));
        return [.. frames];
    }

    private static void Collect()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
