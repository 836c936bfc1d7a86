using System.Buffers;
using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Adapters;

/// <summary>A consumer of the framework's type in the shape of JSON-RPC libraries: both sides call each other, out of order; messages are
/// gathered into a sequence and sent segment by segment; each side closes with the other's Close.</summary>
public sealed class JsonRpcTests
{
    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Both_sides_call_each_other_and_close(Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye: true, role);
        var subject = new RpcPeer(pair.Subject);
        var peer = new RpcPeer(pair.Peer);

        Task<string>[] calls =
        [
            .. Enumerable.Range(0, 50).Select(i => subject.CallAsync("echo", $"to peer {i}")),
            .. Enumerable.Range(0, 50).Select(i => peer.CallAsync("echo", $"to subject {i}")),
            subject.CallAsync("echo", new string('x', 100_000)),
            peer.CallAsync("reverse", new string('y', 99_999) + "z"),
        ];
        string[] answers = await Task.WhenAll(calls).Soon();

        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"to peer {i}"), answers[..50]);
        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"to subject {i}"), answers[50..100]);
        Assert.Equal(new string('x', 100_000), answers[100]);
        Assert.Equal("z" + new string('y', 99_999), answers[101]);
        Assert.Equal("no such method: divide", (await Assert.ThrowsAsync<InvalidOperationException>(() => peer.CallAsync("divide", "").Soon())).Message);

        await peer.CloseAsync().Soon();
        pair.EndTransport();
        await subject.Ended.Soon();
        await peer.Ended.Soon();
        Assert.Equal((WebSocketState.Closed, WebSocketState.Closed), (pair.Subject.State, pair.Peer.State));
    }

    private sealed class RpcPeer
    {
        private readonly WebSocket _socket;
        private readonly ConcurrentDictionary<int, TaskCompletionSource<string>> _calls = new();
        private readonly SemaphoreSlim _sending = new(1);
        private int _lastId;
        private volatile bool _isClosing;

        public RpcPeer(WebSocket socket)
        {
            _socket = socket;
            Ended = Task.Run(ReadAsync);
        }

        public Task Ended { get; }

        public async Task<string> CallAsync(string method, string argument)
        {
            int id = Interlocked.Increment(ref _lastId);
            var answer = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            _calls[id] = answer;
            await SendAsync(new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id, ["method"] = method, ["params"] = new JsonArray(argument) });
            return await answer.Task;
        }

        public Task CloseAsync()
        {
            _isClosing = true;
            return _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "no more calls", default);
        }

        private async Task ReadAsync()
        {
            while (await ReceiveAsync() is { } message)
                _ = Task.Run(() => HandleAsync(message));
            // The framework's own state says so too late where the answer comes at once.
            if (!_isClosing)
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "closed by peer", default);
        }

        private async Task<JsonNode?> ReceiveAsync()
        {
            var gathered = new ArrayBufferWriter<byte>();
            while (true)
            {
                ValueWebSocketReceiveResult result = await _socket.ReceiveAsync(gathered.GetMemory(1024), default);
                if (result.MessageType == WebSocketMessageType.Close)
                    return null;
                gathered.Advance(result.Count);
                if (result.EndOfMessage)
                    return JsonNode.Parse(gathered.WrittenSpan);
            }
        }

        private Task HandleAsync(JsonNode message)
        {
            int id = (int)message["id"]!;
            if (message["method"] is { } method)
            {
                string argument = (string)message["params"]![0]!;
                return SendAsync((string)method! switch
                {
                    "echo" => new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id, ["result"] = argument },
                    "reverse" => new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id, ["result"] = new string([.. argument.Reverse()]) },
                    _ => new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id, ["error"] = $"no such method: {method}" },
                });
            }

            _calls.TryRemove(id, out TaskCompletionSource<string>? call);
            if (message["error"] is { } error)
                call!.SetException(new InvalidOperationException((string)error!));
            else
                call!.SetResult((string)message["result"]!);
            return Task.CompletedTask;
        }

        private async Task SendAsync(JsonObject message)
        {
            byte[] json = JsonSerializer.SerializeToUtf8Bytes(message);
            await _sending.WaitAsync();
            try
            {
                foreach (byte[] segment in json.Chunk(30_000))
                    await _socket.SendAsync(segment.AsMemory(), WebSocketMessageType.Text, endOfMessage: false, default);
                await _socket.SendAsync(ReadOnlyMemory<byte>.Empty, WebSocketMessageType.Text, endOfMessage: true, default);
            }
            finally
            {
                _sending.Release();
            }
        }
    }
}
