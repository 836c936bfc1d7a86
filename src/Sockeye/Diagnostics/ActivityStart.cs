using System.Diagnostics;
using System.Net;

namespace Sockeye.Diagnostics;

/// <summary>Starts and stops activities of which the calling code shall notice nothing: its own stays the current one.</summary>
internal static class ActivityStart
{
    public static Activity? Start(string name, string displayName, ActivityKind kind, ActivityContext parent)
    {
        Activity? current = Activity.Current;
        Activity.Current = null;
        try
        {
            Activity? started = Telemetry.Source.StartActivity(name, kind, parent);
            if (started is not null)
                started.DisplayName = displayName;
            return started;
        }
        finally
        {
            Activity.Current = current;
        }
    }

    public static void Stop(Activity activity)
    {
        Activity? current = Activity.Current;
        activity.Stop();
        Activity.Current = current == activity ? null : current;
    }

    public static void SetPeer(Activity activity, EndPoint? peer)
    {
        if (peer is not IPEndPoint { Address: var address, Port: var port })
            return;
        activity.SetTag("network.peer.address", address.ToString());
        activity.SetTag("network.peer.port", port);
    }
}
