namespace Sockeye;

/// <summary>The messages of a connection, for <c>await foreach</c>.</summary>
public readonly struct MessageSequence
{
    private readonly ReceiveLoop _source;
    private readonly CancellationToken _token;

    internal MessageSequence(ReceiveLoop source, CancellationToken token)
    {
        _source = source;
        _token = token;
    }

    /// <summary>Begins to read.</summary>
    public Enumerator GetAsyncEnumerator() => new(_source, _token);

    /// <summary>Reads one message after the other.</summary>
    public readonly struct Enumerator
    {
        private readonly ReceiveLoop _source;
        private readonly CancellationToken _token;

        internal Enumerator(ReceiveLoop source, CancellationToken token)
        {
            _source = source;
            _token = token;
        }

        /// <summary>Gets the message that was read last, leased until the next <see cref="MoveNextAsync"/>.</summary>
        public WebSocketMessage Current => _source.Message;

        /// <summary>Ends the lease on the current message and waits for the next.</summary>
        /// <returns>Whether there is one.</returns>
        public ValueTask<bool> MoveNextAsync() => _source.NextAsync(events: false, throws: true, _token);
    }
}

/// <summary>The events of a connection, for <c>await foreach</c>.</summary>
public readonly struct EventSequence
{
    private readonly ReceiveLoop _source;
    private readonly CancellationToken _token;

    internal EventSequence(ReceiveLoop source, CancellationToken token)
    {
        _source = source;
        _token = token;
    }

    /// <summary>Begins to read.</summary>
    public Enumerator GetAsyncEnumerator() => new(_source, _token);

    /// <summary>Reads one event after the other.</summary>
    public sealed class Enumerator
    {
        private readonly ReceiveLoop _source;
        private readonly CancellationToken _token;
        private CloseResult? _end;

        internal Enumerator(ReceiveLoop source, CancellationToken token)
        {
            _source = source;
            _token = token;
        }

        /// <summary>Gets the event that was read last, leased until the next <see cref="MoveNextAsync"/>.</summary>
        public WebSocketEvent Current => _end is null ? _source.Event : new WebSocketEvent(_end);

        /// <summary>Ends the lease on the current event and waits for the next.</summary>
        /// <returns>Whether there is one: false after the end has been read.</returns>
        public async ValueTask<bool> MoveNextAsync()
        {
            if (_end is not null)
                return false;
            if (!await _source.NextAsync(events: true, throws: false, _token))
                _end = _source.Result;
            return true;
        }
    }
}
