using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Faults;

/// <summary>Clients that connect again, with the n-th operation of their first connection failing for every n: the account of each message
/// is true.</summary>
public sealed class ReconnectFaultTests
{
    private const int Messages = 8;

    public static TheoryData<StreamFault> Faults =>
        [StreamFault.Throw, StreamFault.ThrowLater, StreamFault.Zero, StreamFault.Short, StreamFault.Canceled];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Each_message_comes_at_most_once_in_order_and_is_told_apart(StreamFault fault)
    {
        bool isReached = true;
        int uncertain = 0;
        int again = 0;
        for (int n = 0; isReached; n++)
        {
            Assert.True(n < 1000);
            List<List<string>> received = [];
            List<Task> serving = [];
            var time = new ManualTimeProvider();
            FaultyStream? faulty = null;
            var options = new ReconnectOptions
            {
                Client = new() { Connection = new() { TimeProvider = time } },
                Connect = async (attempt, cancel) =>
                {
                    var link = new TestLink();
                    Stream stream = faulty is null ? faulty = new FaultyStream(link.Client, n, fault) : link.Client;
                    serving.Add(ServeAsync(link.Server));
                    return await WebSocketClient.ConnectAsync(stream, attempt.Uri, attempt.Options, cancel);
                },
            };
            await using var socket = new ReconnectingWebSocket("ws://test.example/", new() { Reconnect = options });
            List<OutboxMessage> sent = [];
            socket.Start();
            Task sending = Task.Run(async () =>
            {
                for (int i = 0; i < Messages; i++)
                {
                    sent.Add(await socket.SendTextAsync($"{i}"));
                    await Task.Yield();
                }

                await socket.FlushAsync();
                await socket.CloseAsync();
            });
            await Settle.UntilAsync(
                () =>
                {
                    if (faulty is { IsReached: true })
                        time.Advance(TimeSpan.FromMilliseconds(250));
                    return sending.IsCompleted;
                },
                () => $"n = {n}, {socket.State}, {socket.UnsettledMessages} messages");
            await sending;
            isReached = faulty is { IsReached: true };
            await Settle.UntilAsync(() =>
            {
                time.Advance(TimeSpan.FromMilliseconds(250));
                return serving.All(task => task.IsCompleted);
            });
            await Task.WhenAll(serving);

            // In order, over all connections, and none twice.
            string[] got = [.. received.SelectMany(messages => messages)];
            Assert.Equal(got.Select(int.Parse).Distinct().Order(), got.Select(int.Parse));
            for (int i = 0; i < Messages; i++)
            {
                DeliveryState state = await sent[i].Settled.Soon();
                Assert.True(state is DeliveryState.Confirmed or DeliveryState.Uncertain, $"n = {n}, message {i}: {state}");
                Assert.True(state == DeliveryState.Uncertain || got.Contains($"{i}"), $"n = {n}: message {i} was confirmed and has not come");
            }

            uncertain += sent.Count(message => message.State == DeliveryState.Uncertain);
            again += isReached && sent.Any(message => message.State == DeliveryState.Confirmed) ? 1 : 0;
            if (!isReached)
                Assert.All(sent, message => Assert.Equal(DeliveryState.Confirmed, message.State));

            async Task ServeAsync(Stream stream)
            {
                List<string> messages = [];
                received.Add(messages);
                try
                {
                    await using WebSocketConnection server = await WebSocketUpgrade.AcceptAsync(stream, new() { Connection = new() { TimeProvider = time } });
                    await foreach (WebSocketMessage message in server.ReadAllAsync())
                        messages.Add(message.GetText());
                }
                catch (IOException)
                {
                    // The fault has broken it.
                }
            }
        }

        // The sweep has met both fates.
        Assert.True(uncertain > 0 && again > 0, $"{uncertain} uncertain, {again} went on");
    }
}
