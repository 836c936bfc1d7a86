namespace Sockeye.Cli;

/// <summary>Counts the lines that a connection has taken, and those of them that the server's WebSocket layer has read: a pong to a ping behind
/// them tells. One thread sends.</summary>
internal sealed class SentLines
{
    private readonly Lock _sync = new();
    private Task _check = Task.CompletedTask;
    private bool _isChecking;
    private int _sent;
    private int _confirmed;

    /// <summary>Notes that a line was sent; asks about it unless an answer is awaited already, behind which it is asked.</summary>
    public void Add(WebSocketConnection socket)
    {
        lock (_sync)
        {
            _sent++;
            if (_isChecking)
                return;
            _isChecking = true;
        }

        _check = CheckAsync(socket);
    }

    /// <summary>Counts the lines that may not have arrived.</summary>
    /// <param name="end">How the connection ended.</param>
    public async Task<int> CountLostAsync(CloseResult end)
    {
        await _check;
        // Where this side closed, its Close stood behind them; and who closes with 1000 has got what it wants.
        return end.IsClean && (end.Initiator == CloseInitiator.Local || end.Code == Protocol.CloseCode.Normal) ? 0 : _sent - _confirmed;
    }

    private async Task CheckAsync(WebSocketConnection socket)
    {
        try
        {
            while (NextToConfirm() is { } sent)
            {
                await socket.ConfirmAsync();
                _confirmed = sent;
            }
        }
        catch (Exception e) when (e is WebSocketClosedException or TimeoutException)
        {
            // The end tells how many are left; another line asks again.
            lock (_sync)
                _isChecking = false;
        }
    }

    private int? NextToConfirm()
    {
        lock (_sync)
        {
            _isChecking = _sent > _confirmed;
            return _isChecking ? _sent : null;
        }
    }
}
