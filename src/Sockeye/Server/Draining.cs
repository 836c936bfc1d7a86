using Sockeye.Diagnostics;

namespace Sockeye;

/// <summary>Closes all connections of a server that stops: in good manners, spread over a span, and at a deadline by force.</summary>
internal sealed class Draining(ServerCore server, DrainOptions options)
{
    // How often connections are told to close, at most.
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);

    /// <summary>Runs to the end. Never fails.</summary>
    /// <param name="cancellationToken">Ends the patience: what is still open is aborted at once.</param>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        ServerConnections connections = server.Connections;
        using var deadline = new CancellationTokenSource(options.Timeout ?? server.Options.StopTimeout, server.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await TellAsync(connections.Stop(options), options, server.Time, either.Token).ConfigureAwait(false);
            await connections.Empty.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await AbortAllAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Tells connections to close, as many in each step as keeps the pace.</summary>
    public static async Task TellAsync(
        WebSocketConnection[] open, DrainOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        if (options.Spread > TimeSpan.Zero)
            Random.Shared.Shuffle(open);
        long start = time.GetTimestamp();
        for (int told = 0; told < open.Length;)
        {
            int due = Due(time.GetElapsedTime(start));
            for (; told < due; told++)
                ServerConnection.Stop(open[told], options);
            if (told < open.Length)
                await Task.Delay(Step, time, cancellationToken).ConfigureAwait(false);
        }

        int Due(TimeSpan elapsed) => elapsed >= options.Spread ? open.Length : (int)(open.Length * (elapsed / options.Spread));
    }

    private async Task AbortAllAsync()
    {
        (ServerConnection[] opening, WebSocketConnection[] open) = server.Connections.All();
        if (opening.Length + open.Length == 0)
            return;

        HandshakeLog.StopAborted(server.Logger, opening.Length + open.Length);
        foreach (ServerConnection connection in opening)
            connection.Abort();
        foreach (WebSocketConnection connection in open)
            ServerConnection.Abort(connection);
        // A handshake may have come to its end meanwhile.
        foreach (WebSocketConnection connection in open.Concat(opening.Select(one => one.Connection).OfType<WebSocketConnection>()))
        {
            await connection.Closed.ConfigureAwait(false);
            server.Connections.Abandon(connection);
        }
    }
}
