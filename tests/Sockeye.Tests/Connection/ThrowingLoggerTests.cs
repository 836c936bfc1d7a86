using Microsoft.Extensions.Logging;
using Sockeye.Protocol;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Connection;

/// <summary>A logger that throws is no reason for anything else to fail.</summary>
public sealed class ThrowingLoggerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task C4_Abort_throws_nothing_and_ends_everything(bool throwsAtOnce)
    {
        var logs = new ThrowingLogs { ThrowsAtOnce = throwsAtOnce };
        await using RawPeer peer = RawPeer.Create(configure: o => o with { LoggerFactory = logs });
        var cancelled = new TaskCompletionSource();
        Task handling = peer.Connection.RunAsync(async (_, cancel) =>
        {
            using CancellationTokenRegistration registration = cancel.Register(cancelled.SetResult);
            await cancelled.Task;
        });
        Task pinging = peer.Connection.PingAsync();
        peer.Connection.Abort();
        Assert.Equal(CloseCause.Aborted, (await peer.Connection.Closed.Soon()).Cause);
        await cancelled.Task.Soon();
        await handling.Soon();
        await Assert.ThrowsAsync<WebSocketClosedException>(() => pinging.Soon());
        Assert.NotEqual(0, logs.Thrown);
    }

    [Fact]
    public async Task C4_Handler_that_fails_is_still_told_to_the_peer()
    {
        var logs = new ThrowingLogs();
        await using RawPeer peer = RawPeer.Create(configure: o => o with { LoggerFactory = logs });
        Task handling = peer.Connection.RunAsync((_, _) => throw new FormatException("no"));
        Assert.Equal(1011, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.SendAsync(peer.CloseFrame(CloseCode.InternalError));
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.NotEqual(0, logs.Thrown);
    }

    [Fact]
    public async Task Server_and_client_go_on()
    {
        var logs = new ThrowingLogs();
        await using ServerTest test = await ServerTest.EchoAsync(options => options with
        {
            Connection = options.Connection with { LoggerFactory = logs },
        });
        Assert.StartsWith("HTTP/1.1 400 ", await RawClient.AskAsync(test.Server, "nonsense\r\n\r\n"), StringComparison.Ordinal);
        await test.AssertServesAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(
            new Uri(test.Uri), new() { Connection = new() { LoggerFactory = logs } }).Soon();
        Assert.NotEqual(0, logs.Thrown);
    }

    private sealed class ThrowingLogs : TestLogs
    {
        private int _thrown;

        /// <summary>Gets whether it throws where it is asked what it wants.</summary>
        public bool ThrowsAtOnce { get; init; }

        public int Thrown => Volatile.Read(ref _thrown);

        public override bool IsEnabled(LogLevel logLevel) => !ThrowsAtOnce || Throw();

        public override void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Throw();

        private bool Throw()
        {
            Interlocked.Increment(ref _thrown);
            throw new IOException("The disk is full.");
        }
    }
}
