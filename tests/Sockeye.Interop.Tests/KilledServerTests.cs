using System.Globalization;

namespace Sockeye.Interop.Tests;

/// <summary>A client that connects again, and a server whose process is killed while messages are on their way to it and back.</summary>
public sealed class KilledServerTests
{
    private const int Messages = 4_000;
    private const int Kills = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Account_of_every_message_is_true_when_the_process_of_the_server_is_killed()
    {
        PeerProcess server = PeerProcess.StartTool("echo", "--port", "0");
        string port = server.WaitForLine("Listening on ws://127.0.0.1:");
        var options = new ReconnectingWebSocketOptions
        {
            Reconnect = new() { InitialDelay = TimeSpan.FromMilliseconds(10), MaxDelay = TimeSpan.FromMilliseconds(100) },
            MaxMessages = 100,
        };
        await using var socket = new ReconnectingWebSocket($"ws://127.0.0.1:{port}/", options);
        List<OutboxMessage> lost = [];
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // One event after the other: the last change of state comes behind all that was lost.
        socket.MessageLost += (_, e) => lost.Add(e.Message);
        socket.StateChanged += (_, e) =>
        {
            if (e.State == ReconnectState.Closed)
                end.SetResult();
        };
        var echoes = new List<int>();
        int awaited = Messages / (Kills + 1);
        var arrived = new SemaphoreSlim(0);
        Task reading = Task.Run(async () =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                echoes.Add(int.Parse(message.GetText(), CultureInfo.InvariantCulture));
                if (echoes[^1] < Volatile.Read(ref awaited))
                    continue;
                Volatile.Write(ref awaited, int.MaxValue);
                arrived.Release();
            }
        });
        socket.Start();

        Task killing = Task.Run(async () =>
        {
            for (int i = 1; i <= Kills; i++)
            {
                Assert.True(await arrived.WaitAsync(Patience), $"nothing came back before kill {i}");
                server.Kill();
                await server.WaitForExitAsync();
                await server.DisposeAsync();
                server = PeerProcess.StartTool("echo", "--port", port);
                Volatile.Write(ref awaited, (i + 1) * Messages / (Kills + 1));
            }
        });
        var sent = new OutboxMessage[Messages];
        for (int i = 0; i < Messages; i++)
            sent[i] = await socket.SendTextAsync(i.ToString(CultureInfo.InvariantCulture)).AsTask().WaitAsync(Patience);
        await killing.WaitAsync(Patience);
        await socket.FlushAsync().WaitAsync(Patience);
        await socket.CloseAsync().WaitAsync(Patience);
        await reading.WaitAsync(Patience);
        await end.Task.WaitAsync(Patience);
        server.Kill();
        await server.DisposeAsync();

        // Order is kept and nothing comes twice; each message is confirmed, or reported as one of which nobody knows.
        Assert.Equal(echoes.Order().Distinct(), echoes);
        Assert.All(sent, message => Assert.True(message.State is DeliveryState.Confirmed or DeliveryState.Uncertain, $"{message.State}"));
        Assert.Equal(sent.Where(message => message.State == DeliveryState.Uncertain), lost);
        Assert.True(echoes.Count > Messages / 2, $"{echoes.Count} of {Messages} came back");
    }
}
