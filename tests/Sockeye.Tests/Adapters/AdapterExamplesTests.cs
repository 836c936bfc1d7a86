using System.Buffers;
using System.IO.Pipelines;
using System.Net.WebSockets;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Adapters;

/// <summary>The examples of docs/adapters.md: each stands here between two marks, and is run.</summary>
public sealed class AdapterExamplesTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("adapters.md", Path.Combine("Adapters", nameof(AdapterExamplesTests) + ".cs"), count: 4);

    [Fact]
    public async Task Stream()
    {
        await using var test = new ServerTest();
        test.Server.Map("/", async (socket, cancel) =>
        {
            // <example>
            await using Stream stream = socket.AsStream(new() { MessageKind = WebSocketMessageKind.Text });
            using var reader = new StreamReader(stream);
            await using var writer = new StreamWriter(stream) { AutoFlush = true };
            while (await reader.ReadLineAsync(cancel) is { } line)
                await writer.WriteLineAsync(line.ToUpperInvariant());
            // </example>
        });
        await test.Server.StartAsync();
        await using WebSocketConnection client = await ConnectAsync(test);
        await client.SendTextAsync("one\ntw");
        await client.SendTextAsync("o\n");
        Assert.Equal("ONE", (await ReadTextAsync(client)).TrimEnd());
        Assert.Equal("TWO", (await ReadTextAsync(client)).TrimEnd());
        Assert.True((await client.CloseAsync().Soon()).IsClean);
    }

    [Fact]
    public async Task Pipes()
    {
        await using var test = new ServerTest();
        test.Server.Map("/", async (socket, cancel) =>
        {
            // <example>
            IDuplexPipe pipe = socket.AsDuplexPipe();
            ReadResult read = await pipe.Input.ReadAtLeastAsync(4, cancel);
            pipe.Output.Write("got "u8);
            pipe.Output.Write(read.Buffer.FirstSpan);
            await pipe.Output.FlushAsync(cancel); // one message
            pipe.Input.AdvanceTo(read.Buffer.End);
            await pipe.Output.CompleteAsync(); // Close with 1000, or with 1011 where an exception is given
            // </example>
        });
        await test.Server.StartAsync();
        await using WebSocketConnection client = await ConnectAsync(test);
        await client.SendTextAsync("ab");
        await client.SendTextAsync("cd");
        Assert.Equal("got abcd", await ReadTextAsync(client));
        Assert.True((await client.ReceiveAsync().Soon()).IsEnd);
    }

    [Fact]
    public async Task Framework()
    {
        await using var test = new ServerTest();
        test.Server.Map("/", async (socket, cancel) =>
        {
            // <example>
            using System.Net.WebSockets.WebSocket framework = socket.AsWebSocket();
            byte[] buffer = new byte[4096];
            ValueWebSocketReceiveResult received = await framework.ReceiveAsync(buffer.AsMemory(), cancel);
            while (received.MessageType != WebSocketMessageType.Close)
            {
                await framework.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, cancel);
                received = await framework.ReceiveAsync(buffer.AsMemory(), cancel);
            }

            await framework.CloseOutputAsync(framework.CloseStatus!.Value, framework.CloseStatusDescription, cancel);
            // </example>
        });
        await test.Server.StartAsync();
        await using WebSocketConnection client = await ConnectAsync(test);
        string text = new('x', 10_000);
        await client.SendTextAsync(text);
        Assert.Equal(text, await ReadTextAsync(client));
        CloseResult result = await client.CloseAsync((Protocol.CloseCode)4000, "bye").Soon();
        Assert.Equal((true, 4000, "bye"), (result.IsClean, (int)result.Code, result.Reason));
    }

    [Fact]
    public async Task Browser()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var console = new StringWriter();
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        RunExample(test.Uri, console).Closed += (_, _) => closed.SetResult();
        await closed.Task.Soon();
        Assert.Equal(["SAMPLE DATA", "1000"], console.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));

        static EventWebSocket RunExample(string url, StringWriter Console)
        {
            // <example>
            var ws = new EventWebSocket(url);
            ws.Opened += (_, _) => ws.Send("SAMPLE DATA");
            ws.Message += (_, e) =>
            {
                Console.WriteLine(e.Text);
                ws.Close(1000, "thanks");
            };
            ws.Error += (_, e) => Console.WriteLine(e.Message);
            ws.Closed += (_, e) => Console.WriteLine((int)e.Code);
            // </example>
            return ws;
        }
    }

    private static Task<WebSocketConnection> ConnectAsync(ServerTest test) => WebSocketClient.ConnectAsync(test.Uri).Soon();

    private static async Task<string> ReadTextAsync(WebSocketConnection socket)
    {
        WebSocketMessage message = await socket.ReceiveAsync().AsTask().Soon();
        return message.GetText();
    }
}
