using System.Net.WebSockets;
using BenchmarkDotNet.Attributes;
using Sockeye.Compression;
using Sockeye.Protocol;

namespace Sockeye.Benchmarks;

/// <summary>Sending one message to many connections, until the transport of each has taken it. Every way to do it is one method here.</summary>
public class BroadcastBenchmarks
{
    private readonly Arrivals _arrivals = new();
    private byte[] _message = [];
    private WebSocketConnection[] _subscribers = [];
    private WebSocket[] _framework = [];
    private TopicHub? _topics;

    /// <summary>Gets or sets to how many.</summary>
    [Params(1, 1000, 10_000)]
    public int Subscribers { get; set; }

    [GlobalSetup]
    public virtual void Prepare() => Prepare(new byte[64], deflate: null, frameworkDeflate: null);

    [GlobalCleanup]
    public void End()
    {
        _topics!.Dispose();
        foreach (WebSocketConnection subscriber in _subscribers)
            subscriber.Abort();
        foreach (WebSocket socket in _framework)
            socket.Dispose();
    }

    [Benchmark]
    public void Sockeye_loop()
    {
        _arrivals.Begin(_subscribers.Length);
        foreach (WebSocketConnection subscriber in _subscribers)
            _ = subscriber.SendAsync(_message, WebSocketMessageKind.Text);
        _arrivals.Wait();
    }

    /// <summary>Framed and compressed once for all, the preparation included.</summary>
    [Benchmark]
    public void Sockeye_loop_with_a_prepared_message()
    {
        var message = new PreparedMessage(_message, WebSocketMessageKind.Text);
        _arrivals.Begin(_subscribers.Length);
        foreach (WebSocketConnection subscriber in _subscribers)
            _ = subscriber.SendAsync(message);
        _arrivals.Wait();
    }

    /// <summary>The same, from one memory for all and flushed in turns.</summary>
    [Benchmark]
    public void Sockeye_topic()
    {
        _arrivals.Begin(_subscribers.Length);
        _ = _topics!.PublishAsync("topic", new PreparedMessage(_message, WebSocketMessageKind.Text));
        _arrivals.Wait();
    }

    [Benchmark(Baseline = true)]
    public async Task Framework_loop()
    {
        _arrivals.Begin(_framework.Length);
        foreach (WebSocket socket in _framework)
            await socket.SendAsync(_message.AsMemory(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        _arrivals.Wait();
    }

    private protected void Prepare(byte[] message, DeflateAgreement? deflate, WebSocketDeflateOptions? frameworkDeflate)
    {
        _message = message;

        // A sink says nothing: it would count as gone.
        var options = new WebSocketConnectionOptions { IdleTimeout = TimeSpan.Zero };
        var details = new ConnectionDetails { Deflate = deflate };
        _subscribers =
        [
            .. Enumerable.Range(0, Subscribers)
                .Select(_ => new WebSocketConnection(new SinkTransport(_arrivals), Role.Server, options, details, [])),
        ];
        _topics = new TopicHub();
        foreach (WebSocketConnection subscriber in _subscribers)
        {
            subscriber.Start();
            _topics.Subscribe(subscriber, "topic");
        }

        _framework =
        [
            .. Enumerable.Range(0, Subscribers).Select(_ => WebSocket.CreateFromStream(
                new SinkStream(_arrivals),
                new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.Zero, DangerousDeflateOptions = frameworkDeflate })),
        ];
    }
}

/// <summary>The adverse twin: 1 KiB of JSON that each connection compresses by itself, without context.</summary>
public class CompressedBroadcastBenchmarks : BroadcastBenchmarks
{
    public override void Prepare()
    {
        var agreed = new DeflateParameters { ServerNoContextTakeover = true, ClientNoContextTakeover = true };
        Prepare(
            SampleData.Json(1, 1024)[0],
            new DeflateAgreement(Role.Server, agreed, PerMessageDeflateOptions.Default),
            new WebSocketDeflateOptions { ServerContextTakeover = false, ClientContextTakeover = false });
    }
}
