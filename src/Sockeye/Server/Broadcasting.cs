namespace Sockeye;

/// <summary>Sends prepared messages to the connections of a server.</summary>
internal sealed class Broadcasting(ConnectionSet connections)
{
    private readonly Fanout _fanout = new();

    public BroadcastResult Send(PreparedMessage message, WebSocketConnection? except, string? path)
    {
        int accepted = 0;
        int skipped = 0;
        lock (_fanout.Sync)
        {
            try
            {
                foreach (WebSocketConnection connection in connections.ToArray())
                {
                    if (connection == except || (path is not null && connection.Details.Path != path))
                        continue;
                    switch (_fanout.Send(message, connection))
                    {
                        case SendResult.Accepted or SendResult.AcceptedAboveHighWater:
                            accepted++;
                            break;
                        case SendResult.Full:
                            skipped++;
                            break;
                    }
                }
            }
            finally
            {
                _fanout.End();
            }
        }

        return new BroadcastResult(accepted, skipped);
    }

    /// <summary>Lets go of the memory, when the server has stopped.</summary>
    public void Release()
    {
        lock (_fanout.Sync)
            _fanout.Release();
    }
}

/// <summary>Says whom a broadcast reached.</summary>
/// <param name="Accepted">How many connections have accepted the message.</param>
/// <param name="Skipped">How many were skipped because more than <see cref="WebSocketConnectionOptions.HighWaterMark"/> bytes would wait
/// there: their peers read more slowly than is sent.</param>
public readonly record struct BroadcastResult(int Accepted, int Skipped);
