using System.Net.WebSockets;
using BenchmarkDotNet.Attributes;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye.Benchmarks;

/// <summary>A client and a server that echoes, within the process: the engine with everything but the network. Ours stands on the in-memory
/// transport and, as the framework's must, on a stream over the same pipes.</summary>
public class EchoBenchmarks
{
    private const int Messages = 256;

    private readonly byte[] _received = new byte[64 * 1024];
    private byte[] _payload = [];
    private int _together;
    private int _fragments;
    private WebSocketConnection? _inMemory;
    private WebSocketConnection? _onStream;
    private WebSocket? _framework;

    /// <summary>Gets or sets what is sent. One at a time, nothing can be flushed together: that and the fragments are the adverse twins.</summary>
    [Params("64 B, 32 in flight", "64 B, 1 in flight", "64 B in 16 fragments, 1 in flight", "64 KiB, 1 in flight")]
    public string Message { get; set; } = "";

    [GlobalSetup]
    public void Prepare()
    {
        _payload = new byte[Message.StartsWith("64 B", StringComparison.Ordinal) ? 64 : 64 * 1024];
        _together = Message.Contains("32 in", StringComparison.Ordinal) ? 32 : 1;
        _fragments = Message.Contains("fragments", StringComparison.Ordinal) ? 16 : 1;
        var clientOptions = new WebSocketConnectionOptions { FragmentSize = _payload.Length / _fragments };

        (InMemoryTransport near, InMemoryTransport far) = InMemoryTransport.CreatePair(BufferPool.Shared, BufferPool.Shared);
        _inMemory = new WebSocketConnection(near, Role.Client, clientOptions, ConnectionDetails.None, []);
        _inMemory.Start();
        var server = new WebSocketConnection(far, Role.Server, WebSocketConnectionOptions.Default, ConnectionDetails.None, []);
        server.Run((socket, _) => EchoAsync(socket), new ServerConnections(new WebSocketServerOptions()));

        (Stream nearStream, Stream farStream) = DuplexPipe.CreatePair();
        _onStream = WebSocketConnection.CreateFromStream(nearStream, Role.Client, clientOptions);
        _ = EchoAsync(WebSocketConnection.CreateFromStream(farStream, Role.Server));

        (nearStream, farStream) = DuplexPipe.CreatePair();
        _framework = WebSocket.CreateFromStream(nearStream, isServer: false, subProtocol: null, keepAliveInterval: TimeSpan.Zero);
        _ = EchoAsync(WebSocket.CreateFromStream(farStream, isServer: true, subProtocol: null, keepAliveInterval: TimeSpan.Zero));
    }

    [GlobalCleanup]
    public async Task EndAsync()
    {
        await _inMemory!.CloseAsync();
        await _onStream!.CloseAsync();
        _framework!.Abort();
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task Sockeye_in_memory() => ExchangeAsync(_inMemory!);

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task Sockeye_on_a_stream() => ExchangeAsync(_onStream!);

    [Benchmark(Baseline = true, OperationsPerInvoke = Messages)]
    public async Task Framework_on_a_stream()
    {
        for (int i = 0; i < Messages; i += _together)
        {
            for (int k = 0; k < _together; k++)
                await SendAsync(_framework!, _payload, _fragments);
            for (int k = 0; k < _together; k++)
                await ReceiveAsync(_framework!, _received);
        }
    }

    private static async Task EchoAsync(WebSocketConnection socket)
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync())
            await socket.SendAsync(message);
    }

    private static async Task EchoAsync(WebSocket socket)
    {
        byte[] message = new byte[64 * 1024];
        try
        {
            while (true)
            {
                int length = await ReceiveAsync(socket, message);
                await SendAsync(socket, message.AsMemory(0, length), fragments: 1);
            }
        }
        catch (WebSocketException)
        {
            // The client is gone.
        }
    }

    private static async ValueTask<int> ReceiveAsync(WebSocket socket, Memory<byte> message)
    {
        int length = 0;
        while (true)
        {
            ValueWebSocketReceiveResult received = await socket.ReceiveAsync(message[length..], CancellationToken.None);
            length += received.Count;
            if (received.EndOfMessage)
                return length;
        }
    }

    private static async ValueTask SendAsync(WebSocket socket, ReadOnlyMemory<byte> message, int fragments)
    {
        int size = message.Length / fragments;
        for (int i = 0; i < fragments; i++)
        {
            await socket.SendAsync(
                message.Slice(i * size, size), WebSocketMessageType.Binary, endOfMessage: i == fragments - 1, CancellationToken.None);
        }
    }

    private async Task ExchangeAsync(WebSocketConnection socket)
    {
        for (int i = 0; i < Messages; i += _together)
        {
            for (int k = 0; k < _together; k++)
                await socket.SendAsync(_payload);
            for (int k = 0; k < _together; k++)
                _ = await socket.ReceiveAsync();
        }
    }
}
