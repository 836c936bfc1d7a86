using System.Collections.Concurrent;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Client;

/// <summary>Contexts of an <see cref="EventWebSocket"/> that end while it lives: windows that were closed.</summary>
public sealed class EventContextTests
{
    private const string Open =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";

    [Theory]
    [InlineData(0)] // Upgrade
    [InlineData(1)] // Opened
    [InlineData(2)] // Message
    public async Task Context_that_takes_no_more_work_ends_the_connection(int taken)
    {
        using var logs = new RecordedLogs();
        using var server = new RawServer();
        _ = Make(server, logs, new DyingContext(taken));

        await server.AnswerAsync(Open + "\u0089\u0000"); // a ping, which needs no handler to be raised

        await server.AssertClientEndsAsync();
        await Settle.UntilAsync(() => logs.Loud.Any());
        Assert.Equal([211], logs.Loud.Select(line => line.Id));
    }

    [Fact]
    public async Task Context_that_dies_with_work_that_waits_lets_go_of_it()
    {
        using var logs = new RecordedLogs();
        using var server = new RawServer();
        var context = new DyingContext(1, isInline: false);
        EventWebSocket ws = Make(server, logs, context);
        ws.Opened += (_, _) => { };
        ws.Closed += (_, _) => { };

        context.RunNext();

        await server.AnswerAsync(Open);
        await server.AssertClientEndsAsync();
        await Settle.UntilAsync(() => logs.Loud.Any());
        Assert.Equal([211], logs.Loud.Select(line => line.Id));
    }

    private static EventWebSocket Make(RawServer server, RecordedLogs logs, SynchronizationContext context)
    {
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(context);
        try
        {
            return new EventWebSocket(server.Uri, new WebSocketClientOptions
            {
                PerMessageDeflate = null,
                Connection = new() { LoggerFactory = logs, IdleTimeout = TimeSpan.Zero },
            });
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    /// <summary>Takes some pieces of work, and throws then.</summary>
    private sealed class DyingContext(int taken, bool isInline = true) : SynchronizationContext
    {
        private readonly ConcurrentQueue<Action> _work = new();
        private int _left = taken;

        public override void Post(SendOrPostCallback d, object? state)
        {
            if (Interlocked.Decrement(ref _left) < 0)
                throw new InvalidOperationException("the application has ended");
            if (isInline)
                d(state);
            else
                _work.Enqueue(() => d(state));
        }

        public void RunNext()
        {
            Assert.True(_work.TryDequeue(out Action? work));
            work();
        }

        public override SynchronizationContext CreateCopy() => this;
    }
}
