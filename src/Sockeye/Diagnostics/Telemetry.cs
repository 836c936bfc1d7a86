using System.Diagnostics;
using System.Diagnostics.Metrics;
using Sockeye.Protocol;

namespace Sockeye.Diagnostics;

/// <summary>The meter and the activity source, both named "Sockeye", and all their instruments: docs/observability.md has the table.</summary>
/// <remarks>What happens for each message is counted for each receive and each write, in <see cref="StripedCounts"/> that instruments
/// observe, and only while somebody observes them. The rest happens a few times in the life of a connection.</remarks>
internal static class Telemetry
{
    public const string Name = "Sockeye";

    private const string RoleKey = "sockeye.role";
    private const string DirectionKey = "network.io.direction";
    private const string StateKey = "sockeye.compression.state";
    private const string DeliveryKey = "sockeye.topics.delivery";
    private const string ReasonKey = "sockeye.topics.reason";

    private static readonly Meter Meter = new(Name, typeof(Telemetry).Assembly.GetName().Version?.ToString());
    private static readonly Tags Server = new("server");
    private static readonly Tags Client = new("client");
    private static readonly StripedCounts Compression = new();
    private static readonly SendQueues SendQueues = new();

    // Of those who observe, a dashboard wants to see the difference of a handshake that takes a round trip from one that takes ten.
    private static readonly InstrumentAdvice<double> ShortTimes =
        new() { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] };

    private static readonly Histogram<double> Handshakes = Meter.CreateHistogram<double>(
        "sockeye.handshake.duration", "s", "Duration of opening handshakes, by result.", tags: null, ShortTimes);

    private static readonly Histogram<double> Pings = Meter.CreateHistogram<double>(
        "sockeye.ping.duration", "s", "Round-trip time of the pings that somebody awaited.", tags: null, ShortTimes);

    private static readonly Counter<long> Closes = Meter.CreateCounter<long>(
        "sockeye.closed_connections", "{connection}", "Connections that have ended, by close code and cause.");

    private static readonly ObservableCounter<long> Messages = Meter.CreateObservableCounter<long>(
        "sockeye.messages", () => Observe(Counted.Received, Counted.Sent), "{message}", "Messages received and sent.");

    private static readonly ObservableCounter<long> Io = Meter.CreateObservableCounter<long>(
        "sockeye.io", () => Observe(Counted.ReceivedBytes, Counted.SentBytes), "By", "Bytes received and sent, framing included.");

    private static readonly ObservableUpDownCounter<long> Queue = Meter.CreateObservableUpDownCounter<long>(
        "sockeye.send_queue", () => SendQueues.Bytes, "By", "Bytes that wait to be taken by peers that do not take them at once.");

    private static readonly ObservableCounter<long> CompressionIo = Meter.CreateObservableCounter<long>(
        "sockeye.compression.io", ObserveCompression, "By", "Bytes of messages before and after compression.");

    private static readonly ObservableGauge<double> CompressionRatio = Meter.CreateObservableGauge<double>(
        "sockeye.compression.ratio", ObserveRatio, "1", "How many times smaller compression has made messages, since somebody observes it.");

    private static readonly Counter<long> Deliveries = Meter.CreateCounter<long>(
        "sockeye.topics.deliveries", "{message}", "What became of published messages, for each subscriber of their topic.");

    /// <summary>The connections that are open: of the instruments the one that is right whenever somebody begins to observe it.</summary>
    internal static readonly ObservableUpDownCounter<long> OpenConnections = Meter.CreateObservableUpDownCounter<long>(
        "sockeye.open_connections",
        () => [new(Server.OpenConnections, Server.Role), new(Client.OpenConnections, Client.Role)],
        "{connection}",
        "Connections that are open.");

    /// <summary>What topics have lost and hold for slow subscribers: right whenever somebody begins to observe it, too.</summary>
    internal static readonly ObservableCounter<long> LostDeliveries = Meter.CreateObservableCounter<long>(
        "sockeye.topics.lost", ObserveLost, "{message}", "Messages that slow subscribers did not get, by what the policy did with them.");

    internal static readonly ObservableUpDownCounter<long> SlowSubscribers = Meter.CreateObservableUpDownCounter<long>(
        "sockeye.topics.slow_subscribers", () => HubCounters.ReadAll(HubCount.Slow), "{connection}", "Subscribers for which messages wait.");

    internal static readonly ObservableUpDownCounter<long> Backlog = Meter.CreateObservableUpDownCounter<long>(
        "sockeye.topics.backlog", () => HubCounters.ReadAll(HubCount.BacklogBytes), "By", "Bytes of messages that wait for slow subscribers.");

    /// <summary>Gets the source of activities.</summary>
    public static ActivitySource Source { get; } = new(Name, typeof(Telemetry).Assembly.GetName().Version?.ToString());

    /// <summary>Gets whether messages and bytes are counted.</summary>
    public static bool CountsTraffic => Messages.Enabled || Io.Enabled;

    /// <summary>Gets whether it is counted what compression saves.</summary>
    public static bool CountsCompression => CompressionIo.Enabled || CompressionRatio.Enabled;

    /// <summary>Gets whether handshakes are timed.</summary>
    public static bool TimesHandshakes => Handshakes.Enabled;

    public static void Received(Role role, int messages, long bytes) =>
        Of(role).Traffic.Add(Counted.Received, messages, Counted.ReceivedBytes, bytes);

    public static void Sent(Role role, int messages, long bytes) => Of(role).Traffic.Add(Counted.Sent, messages, Counted.SentBytes, bytes);

    public static void Deflated(int before, int after)
    {
        if (CountsCompression)
            Compression.Add(Counted.Sent, before, Counted.SentBytes, after);
    }

    public static void Inflated(int compressed, int inflated)
    {
        if (CountsCompression)
            Compression.Add(Counted.Received, inflated, Counted.ReceivedBytes, compressed);
    }

    public static void Opened(Role role) => Of(role).Open(1);

    public static void Closed(Role role, CloseResult result)
    {
        Of(role).Open(-1);
        if (Closes.Enabled)
        {
            Closes.Add(
                1,
                Of(role).Role,
                new KeyValuePair<string, object?>("sockeye.close.code", KnownCode(result)),
                new KeyValuePair<string, object?>("sockeye.close.cause", result.Cause.ToString()));
        }
    }

    public static void Pinged(Role role, TimeSpan roundTrip) => Pings.Record(roundTrip.TotalSeconds, Of(role).Role);

    public static void ShookHands(Role role, TimeSpan duration, string result, int? statusCode, string? errorType)
    {
        var tags = new TagList { Of(role).Role, { "sockeye.handshake.result", result } };
        if (statusCode is not null)
            tags.Add("http.response.status_code", statusCode);
        if (errorType is not null)
            tags.Add("error.type", errorType);
        Handshakes.Record(duration.TotalSeconds, tags);
    }

    /// <summary>Counts what became of a message that was published, subscriber by subscriber.</summary>
    public static void Published(int accepted, int queued, int dropped)
    {
        if (!Deliveries.Enabled)
            return;
        Deliveries.Add(accepted, Delivery("accepted"));
        Deliveries.Add(queued, Delivery("queued"));
        Deliveries.Add(dropped, Delivery("dropped"));
    }

    /// <summary>Notes that a peer does not take what is sent at once, if somebody measures that.</summary>
    public static void Watch(SendBuffer output)
    {
        if (Queue.Enabled)
            SendQueues.Add(output);
    }

    /// <summary>Notes that it has taken it, or never will.</summary>
    public static void Unwatch(SendBuffer output) => SendQueues.Remove(output);

    /// <summary>Gets the code that is shown: the codes of its own that a peer sends could be thousands, and count as two.</summary>
    public static int KnownCode(CloseResult result)
    {
        int code = (int)result.Code;
        bool isOwn = result.ReceivedCode is null || (result.Initiator == CloseInitiator.Local && result.ReceivedCode == result.SentCode);
        return isOwn || code < 3000 ? code : code / 1000 * 1000;
    }

    private static Tags Of(Role role) => role == Role.Server ? Server : Client;

    private static IEnumerable<Measurement<long>> Observe(Counted received, Counted sent) =>
    [
        new(Server.Traffic.Read(received), Server.Role, Direction("receive")),
        new(Server.Traffic.Read(sent), Server.Role, Direction("transmit")),
        new(Client.Traffic.Read(received), Client.Role, Direction("receive")),
        new(Client.Traffic.Read(sent), Client.Role, Direction("transmit")),
    ];

    private static IEnumerable<Measurement<long>> ObserveCompression() =>
    [
        new(Compression.Read(Counted.Received), Direction("receive"), State("uncompressed")),
        new(Compression.Read(Counted.ReceivedBytes), Direction("receive"), State("compressed")),
        new(Compression.Read(Counted.Sent), Direction("transmit"), State("uncompressed")),
        new(Compression.Read(Counted.SentBytes), Direction("transmit"), State("compressed")),
    ];

    private static IEnumerable<Measurement<double>> ObserveRatio()
    {
        if (Ratio(Counted.Received, Counted.ReceivedBytes) is { } received)
            yield return new Measurement<double>(received, Direction("receive"));
        if (Ratio(Counted.Sent, Counted.SentBytes) is { } sent)
            yield return new Measurement<double>(sent, Direction("transmit"));
    }

    private static double? Ratio(Counted before, Counted after) =>
        Compression.Read(after) is var compressed and > 0 ? (double)Compression.Read(before) / compressed : null;

    private static IEnumerable<Measurement<long>> ObserveLost() =>
    [
        Lost(HubCount.DroppedNewest, "dropped_newest"),
        Lost(HubCount.DroppedOldest, "dropped_oldest"),
        Lost(HubCount.Conflated, "conflated"),
        Lost(HubCount.Expired, "expired"),
        Lost(HubCount.Abandoned, "abandoned"),
    ];

    private static Measurement<long> Lost(HubCount what, string reason) =>
        new(HubCounters.ReadAll(what), new KeyValuePair<string, object?>(ReasonKey, reason));

    private static KeyValuePair<string, object?> Delivery(string delivery) => new(DeliveryKey, delivery);

    private static KeyValuePair<string, object?> Direction(string direction) => new(DirectionKey, direction);

    private static KeyValuePair<string, object?> State(string state) => new(StateKey, state);

    /// <summary>What is counted by role, and the attribute that tells which.</summary>
    private sealed class Tags(string role)
    {
        private long _openConnections;

        public KeyValuePair<string, object?> Role { get; } = new(RoleKey, role);

        public StripedCounts Traffic { get; } = new();

        public long OpenConnections => Interlocked.Read(ref _openConnections);

        public void Open(int count) => Interlocked.Add(ref _openConnections, count);
    }
}
