using System.Net;
using Sockeye.Conformance;

namespace Sockeye.Cli;

/// <summary><c>sockeye conform --listen</c>: judges the clients that come.</summary>
internal static class ConformListening
{
    /// <summary>Listens until it is cancelled, or until the first report where that is enough.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(ConformRun run, WebSocketServerOptions options, bool isOnce, CancellationToken cancel)
    {
        Action<CaseResult>? finished = null;
        await using var host = new ClientHost(new IPEndPoint(options.Address!, options.Port!.Value), run.Cases)
        {
            Tls = options.Tls,
            MessagesPerCase = run.MessagesPerCase,
            Patience = run.Patience,
            Finished = result => finished?.Invoke(result),
            Failed = why => Console.Error.WriteLine(TerminalText.Escape(why)),
        };
        host.Start();
        Console.WriteLine($"Listening on {(options.Tls is null ? "ws" : "wss")}://{host.EndPoint} with {run.Cases.Count} cases");
        int exitCode = 0;
        try
        {
            do
            {
                SuiteReport report = await ConformSummary.ShowProgressAsync(run.Cases.Count, show =>
                {
                    finished = show;
                    return host.NextReportAsync(cancel);
                });
                exitCode = await run.FinishAsync(report);
            }
            while (!isOnce);
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C: what was told in the reports stands.
        }

        return exitCode;
    }
}
