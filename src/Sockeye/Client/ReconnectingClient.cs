using System.Runtime.CompilerServices;
using Sockeye.Diagnostics;

namespace Sockeye;

/// <content>Connections that follow each other.</content>
public static partial class WebSocketClient
{
    /// <summary>Connects to a server, and again whenever the connection has ended, for <c>await foreach</c>.</summary>
    /// <param name="uri">The address: see <see cref="ConnectAsync(string, WebSocketClientOptions, CancellationToken)"/>.</param>
    /// <param name="options">When and how to connect; <see cref="ReconnectOptions.Default"/> where null.</param>
    /// <param name="cancellationToken">Ends the sequence with <see cref="OperationCanceledException"/>; the connection of the moment closes
    /// with 1000.</param>
    /// <returns>A sequence without an end. Each connection is open when it comes and is closed with 1000, unless it has ended, when the next
    /// one is asked for and when the loop is left. Failures in between are not seen: <see cref="ReconnectOptions.IsFatal"/> is told
    /// of each, and so are the logs.</returns>
    /// <remarks>Reading a connection of the sequence ends without an exception however it ended; sending on one that has ended throws
    /// <see cref="WebSocketClosedException"/>, to be caught inside the loop.</remarks>
    /// <exception cref="ArgumentException">The address cannot be used.</exception>
    /// <exception cref="WebSocketReconnectException">A failure was final (while the next connection is waited for).</exception>
    public static IAsyncEnumerable<WebSocketConnection> ConnectForeverAsync(
        string uri, ReconnectOptions? options = null, CancellationToken cancellationToken = default)
    {
        _ = WebSocketUri.Parse(uri);
        return ConnectForeverAsync([new Uri(uri)], options, cancellationToken);
    }

    /// <inheritdoc cref="ConnectForeverAsync(string, ReconnectOptions, CancellationToken)"/>
    /// <param name="uris">The addresses of servers that can stand in for each other, the one preferred first: after a failure the next one
    /// is tried, after the loss of a connection that had held the first.</param>
    /// <param name="options">When and how to connect; <see cref="ReconnectOptions.Default"/> where null.</param>
    /// <param name="cancellationToken">Ends the sequence with <see cref="OperationCanceledException"/>; the connection of the moment closes
    /// with 1000.</param>
    public static IAsyncEnumerable<WebSocketConnection> ConnectForeverAsync(
        IReadOnlyList<Uri> uris, ReconnectOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(uris);
        options ??= ReconnectOptions.Default;
        return ConnectForeverAsync(new Reconnector(uris, options), options, cancellationToken);
    }

    private static async IAsyncEnumerable<WebSocketConnection> ConnectForeverAsync(
        Reconnector reconnector, ReconnectOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        TimeProvider time = options.TimeProvider;
        while (true)
        {
            ConnectAttempt attempt = reconnector.Next();
            ReconnectFailure? failure = null;
            WebSocketConnection? connection = null;
            try
            {
                connection = await reconnector.ConnectAsync(attempt, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                failure = new ReconnectFailure { Attempt = attempt, Exception = e };
            }

            if (connection is not null)
            {
                long opened = time.GetTimestamp();
                try
                {
                    yield return connection;
                }
                finally
                {
                    await connection.DisposeAsync().ConfigureAwait(false);
                }

                failure = ReconnectFailure.Of(attempt, await connection.Closed.ConfigureAwait(false), time.GetElapsedTime(opened));
            }

            if (reconnector.Fail(failure!) is not { } delay)
                throw new WebSocketReconnectException(failure);
            ReconnectLog.Waiting(options.Client.Connection.Logger, delay, failure!.Exception.Message);
            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
        }
    }
}
