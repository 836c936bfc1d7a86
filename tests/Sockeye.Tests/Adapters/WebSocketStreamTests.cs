using System.Net.WebSockets;
using System.Security.Cryptography;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Adapters;

/// <summary>The framework's own streams over its WebSocket type, as a consumer of ours.</summary>
public sealed class WebSocketStreamTests
{
    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Bytes_go_both_ways_and_each_end_sees_the_end_of_the_other(Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye: true, role);
        await using Stream subject = WebSocketStream.Create(pair.Subject, WebSocketMessageType.Binary, closeTimeout: TimeSpan.FromSeconds(30));
        await using Stream peer = WebSocketStream.Create(pair.Peer, WebSocketMessageType.Binary, closeTimeout: TimeSpan.FromSeconds(30));
        byte[] data = RandomNumberGenerator.GetBytes(300_000);
        byte[] there = new byte[data.Length];
        byte[] back = new byte[data.Length];

        await Task.WhenAll(
            subject.WriteAsync(data).AsTask(),
            peer.WriteAsync(data).AsTask(),
            peer.ReadExactlyAsync(there).AsTask(),
            subject.ReadExactlyAsync(back).AsTask()).Soon();

        Assert.Equal(data, there);
        Assert.Equal(data, back);
        Task closing = peer.DisposeAsync().AsTask();
        Assert.Equal(0, await subject.ReadAsync(back).AsTask().Soon());
        await subject.DisposeAsync().AsTask().Soon();
        await closing.Soon();
        CloseResult end = await pair.Connection!.Closed.Soon();
        Assert.Equal((true, CloseCode.Normal), (end.IsClean, end.ReceivedCode));
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Stream_of_one_message_ends_with_the_message(Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye: true, role);
        foreach ((WebSocket from, WebSocket to) in new[] { (pair.Subject, pair.Peer), (pair.Peer, pair.Subject) })
        {
            await using (Stream output = WebSocketStream.CreateWritableMessageStream(from, WebSocketMessageType.Text))
            {
                await output.WriteAsync("one "u8.ToArray()).AsTask().Soon();
                await output.WriteAsync("message"u8.ToArray()).AsTask().Soon();
            }

            await using Stream input = WebSocketStream.CreateReadableMessageStream(to);
            using var reader = new StreamReader(input);
            Assert.Equal("one message", await reader.ReadToEndAsync().Soon());
        }
    }
}
