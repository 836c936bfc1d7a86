using System.Net.WebSockets;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using StreamJsonRpc;

namespace Sockeye.Tests.Adapters;

/// <summary>A consumer of the framework's type that others have written: both sides call each other, out of order; messages are gathered into a
/// sequence and sent segment by segment; each side closes with the other's Close.</summary>
public sealed class JsonRpcTests
{
    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Both_sides_call_each_other_and_close(Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye: true, role);
        using JsonRpc subject = Start(pair.Subject);
        using JsonRpc peer = Start(pair.Peer);

        Task<string>[] calls =
        [
            .. Enumerable.Range(0, 50).Select(i => subject.InvokeAsync<string>("Echo", $"to peer {i}")),
            .. Enumerable.Range(0, 50).Select(i => peer.InvokeAsync<string>("Echo", $"to subject {i}")),
            subject.InvokeAsync<string>("Echo", new string('x', 100_000)),
            peer.InvokeAsync<string>("Reverse", new string('y', 99_999) + "z"),
        ];
        string[] answers = await Task.WhenAll(calls).Soon();

        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"to peer {i}"), answers[..50]);
        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"to subject {i}"), answers[50..100]);
        Assert.Equal(new string('x', 100_000), answers[100]);
        Assert.Equal("z" + new string('y', 99_999), answers[101]);
        await Assert.ThrowsAsync<RemoteMethodNotFoundException>(() => peer.InvokeAsync("Divide").Soon());

        await pair.Peer.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "no more calls", default).Soon();
        await subject.Completion.Soon();
        CloseResult end = await pair.Connection!.Closed.Soon();
        Assert.Equal((true, CloseCode.Normal, "no more calls"), (end.IsClean, end.ReceivedCode, end.ReceivedReason));
    }

    private static JsonRpc Start(WebSocket socket)
    {
        var rpc = new JsonRpc(new WebSocketMessageHandler(socket, new SystemTextJsonFormatter()));
        rpc.AddLocalRpcTarget(new Target());
        rpc.StartListening();
        return rpc;
    }

    private sealed class Target
    {
        public string Echo(string text) => text;

        public string Reverse(string text) => new([.. text.Reverse()]);
    }
}
