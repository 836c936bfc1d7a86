using System.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye.Diagnostics;

/// <summary>The activity of an open connection, in the trace of its handshake.</summary>
internal sealed class ConnectionTrace : ConnectionCompanion
{
    private readonly WebSocketConnection _connection;
    private readonly Activity _activity;

    private ConnectionTrace(WebSocketConnection connection, Activity activity)
    {
        _connection = connection;
        _activity = activity;
    }

    /// <summary>Begins to trace a connection, if somebody listens.</summary>
    public static void Begin(WebSocketConnection connection, ActivityContext parent)
    {
        if (!Telemetry.Source.HasListeners())
            return;
        ActivityKind kind = connection.Role == Role.Server ? ActivityKind.Server : ActivityKind.Client;
        if (ActivityStart.Start("Sockeye.Connection", "WebSocket connection", kind, parent) is not { } activity)
            return;
        var trace = new ConnectionTrace(connection, activity);
        activity.SetTag("network.protocol.name", "websocket");
        activity.SetTag("sockeye.subprotocol", connection.Subprotocol);
        ActivityStart.SetPeer(activity, connection.RemoteEndPoint);
        bool isOpen;
        lock (connection.Sync)
            isOpen = connection.TryAccompany(trace);
        if (!isOpen)
            trace.End();
    }

    /// <summary>Makes the activity of a connection the current one of the calling flow, in which its handler is about to run.</summary>
    public static void Enter(WebSocketConnection connection)
    {
        if (!Telemetry.Source.HasListeners())
            return;
        lock (connection.Sync)
        {
            for (ConnectionCompanion? companion = connection.Companions; companion is not null; companion = companion.Next)
            {
                if (companion is ConnectionTrace trace)
                    Activity.Current = trace._activity;
            }
        }
    }

    protected override void OnConnectionEnded() => End();

    private void End()
    {
        if (_connection.Result is { } result)
        {
            _activity.SetTag("sockeye.close.code", (int)result.Code);
            _activity.SetTag("sockeye.close.cause", result.Cause.ToString());
            if (!result.IsClean)
            {
                _activity.SetTag("error.type", result.Exception?.GetType().FullName ?? result.Cause.ToString());
                _activity.SetStatus(ActivityStatusCode.Error);
            }
        }

        ActivityStart.Stop(_activity);
    }
}
