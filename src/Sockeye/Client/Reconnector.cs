namespace Sockeye;

/// <summary>Makes one attempt after the other, as the plan says. Not safe for several threads at a time.</summary>
internal sealed class Reconnector
{
    private readonly Uri[] _uris;
    private readonly ReconnectOptions _options;
    private readonly WebSocketClientOptions _client;
    private readonly ReconnectPlan _plan;
    private readonly TimeProvider _time;
    private readonly long _start;
    private ReconnectFailure? _previous;

    /// <summary>Takes the end points.</summary>
    /// <param name="uris">The addresses, the one preferred first.</param>
    /// <param name="options">When and how to connect.</param>
    /// <exception cref="ArgumentException">There is none, or one cannot be used.</exception>
    public Reconnector(IReadOnlyList<Uri> uris, ReconnectOptions options)
    {
        _uris = [.. uris];
        if (_uris.Length == 0)
            throw new ArgumentException("There must be an address to connect to.", nameof(uris));
        foreach (Uri uri in _uris)
            _ = WebSocketUri.Parse(uri);
        _options = options;
        // Once: connections with the same options share what is made of them.
        _client = options.Client with { Connection = options.Client.Connection with { ThrowOnAbnormalClose = false } };
        _plan = new ReconnectPlan(options, _uris.Length);
        _time = options.TimeProvider;
        _start = _time.GetTimestamp();
    }

    /// <summary>Says what is tried next.</summary>
    public ConnectAttempt Next() => new()
    {
        Uri = _uris[_plan.EndPoint],
        Options = _client,
        Failures = _plan.Failures,
        Previous = _previous,
    };

    /// <summary>Makes an attempt.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<WebSocketConnection> ConnectAsync(ConnectAttempt attempt, CancellationToken cancellationToken)
    {
        using var deadline = new HandshakeDeadline(_options.AttemptTimeout, _time, cancellationToken);
        Task<WebSocketConnection> connecting = _options.Connect(attempt, deadline.Token);
        try
        {
            // Not every code that makes a connection looks at its token.
            return await connecting.WaitAsync(deadline.Token).ConfigureAwait(false)
                ?? throw new InvalidOperationException("Connect of ReconnectOptions returned no connection.");
        }
        catch (Exception e) when (deadline.IsOver)
        {
            _ = WebSocketClient.AbandonAsync(connecting);
            throw e is WebSocketHandshakeException && !deadline.IsCancelledByCaller ? e : deadline.Explain(e, "a connection");
        }
    }

    /// <summary>Takes note of an attempt that failed, or of a connection that was lost.</summary>
    /// <returns>How long to wait before the next attempt; null where there is to be none.</returns>
    public TimeSpan? Fail(ReconnectFailure failure)
    {
        _previous = failure;
        return _options.IsFatal(failure)
            ? null
            : _plan.Fail(failure, _time.GetElapsedTime(_start), _time.GetUtcNow(), _options.Random());
    }
}
