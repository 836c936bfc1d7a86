using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Sockeye.Tests.Server;

/// <summary>V45: what peers do fills no log and drives no terminal.</summary>
public sealed class HandshakeLogTests
{
    [Fact]
    public async Task Faults_of_peers_are_logged_at_debug_level_and_escaped()
    {
        using var log = new Collector();
        await using ServerTest test = await ServerTest.EchoAsync(options => options with
        {
            Connection = options.Connection with { LoggerFactory = log },
        });
        await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/", "Origin: http://\u009Bevil\u00E9\r\n"));
        await RawClient.AskAsync(test.Server, "GET / HTTP/1.1\r\nHost: a\u009B31m\r\n\r\n");
        await RawClient.AskAsync(test.Server, "\u0016\u0003\u0001");
        using (RawClient half = await RawClient.ConnectAsync(test.Server))
            await half.SendAsync("GET");
        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();

        Assert.Contains(log.Lines, line => line.Id == 100 && line.Level == LogLevel.Information);
        Assert.Equal(3, log.Lines.Count(line => line.Id == 104));
        Assert.Contains(log.Lines, line => line.Id == 105);
        Assert.Contains(log.Lines, line => line.Id == 109);
        Assert.DoesNotContain(log.Lines, line => line.Level > LogLevel.Information);
        Assert.All(log.Lines.Where(line => line.Level == LogLevel.Information), line => Assert.True(line.Id is 100 or 111, line.Text));
        Assert.All(log.Lines, line => Assert.DoesNotContain(line.Text, c => c is < ' ' or > '~'));
    }

    private sealed class Collector : TestLogs
    {
        public ConcurrentQueue<(LogLevel Level, int Id, string Text)> Lines { get; } = new();

        public override void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue((logLevel, eventId.Id, formatter(state, exception)));
    }
}
