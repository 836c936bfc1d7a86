using System.Security.Cryptography;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Connection;

/// <summary>The examples of docs/large-messages.md: each stands here between two marks, and is run.</summary>
public sealed class LargeMessageExamplesTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("large-messages.md", Path.Combine("Connection", nameof(LargeMessageExamplesTests) + ".cs"), count: 4);

    [Fact]
    public async Task Upload()
    {
        await using ServerTest test = Create();
        string folder = Directory.CreateTempSubdirectory().FullName;
        WebSocketServer server = test.Server;
        // <example>
        server.Map("/upload", async (socket, cancel) =>
        {
            while (await socket.ReceiveStreamAsync(cancel) is { } upload)
            {
                await using FileStream file = File.Create(Path.Combine(folder, Path.GetRandomFileName()));
                await upload.CopyToAsync(file, cancel);
                await socket.SendTextAsync($"{file.Length} bytes", cancel);
            }
        });
        // </example>
        await server.StartAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(test.Uri + "/upload").Soon();
        byte[][] payloads = [EventLog.Payload(3_000_000), [], EventLog.Payload(100)];
        foreach (byte[] payload in payloads)
        {
            await client.SendAsync(payload).Soon();
            Assert.Equal($"{payload.Length} bytes", (await client.ReceiveAsync().Soon()).GetText());
        }

        Assert.True((await client.CloseAsync().Soon()).IsClean);
        await server.StopAsync().Soon(); // the handler has closed its files
        string[] hashes = [.. Directory.GetFiles(folder).Select(file => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file))))];
        Assert.Equal(payloads.Select(payload => Convert.ToHexString(SHA256.HashData(payload))).Order(), hashes.Order());
        Directory.Delete(folder, recursive: true);
    }

    private static ServerTest Create() => new(options => options with
    {
        // <example>
        Connection = new() { ReceiveInPieces = true, MaxMessageSize = 4L << 30 },
        // </example>
    });

    [Fact]
    public async Task Pieces()
    {
        await using ServerTest test = Create();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        test.Server.Map("/", async (socket, cancel) =>
        {
            // <example>
            await foreach (WebSocketMessage piece in socket.ReadAllAsync(cancel))
            {
                hash.AppendData(piece.Span);
                if (piece.EndsMessage)
                    await socket.SendTextAsync(Convert.ToHexString(hash.GetHashAndReset()), cancel);
            }
            // </example>
        });
        await test.Server.StartAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(test.Uri).Soon();
        foreach (int size in (int[])[5_000_000, 0, 7])
        {
            byte[] payload = EventLog.Payload(size);
            await client.SendAsync(payload).Soon();
            Assert.Equal(Convert.ToHexString(SHA256.HashData(payload)), (await client.ReceiveAsync().Soon()).GetText());
        }

        Assert.True((await client.CloseAsync().Soon()).IsClean);
    }

    [Fact]
    public async Task Passing_on()
    {
        await using ServerTest test = Create();
        test.Server.Map("/", (socket, cancel) => PassOnAsync(socket, socket, cancel));
        await test.Server.StartAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(test.Uri).Soon();
        string text = string.Concat(Enumerable.Repeat("aä€😀", 300_000));
        Task sent = client.SendTextAsync(text).AsTask();
        Assert.Equal(text, (await client.ReceiveAsync().Soon()).GetText());
        await client.SendAsync(new byte[] { 1 }).Soon();
        Assert.True((await client.ReceiveAsync().Soon()).IsBinary);
        await sent.Soon();
        Assert.True((await client.CloseAsync().Soon()).IsClean);

        static async Task PassOnAsync(WebSocketConnection from, WebSocketConnection to, CancellationToken cancel)
        {
            StreamedMessage? message = null;
            // <example>
            await foreach (WebSocketMessage piece in from.ReadAllAsync(cancel))
            {
                if (piece.BeginsMessage)
                    message = to.OpenMessage(piece.Kind);
                await (piece.EndsMessage ? message!.CompleteAsync(piece.Memory, cancel) : message!.WriteAsync(piece.Memory, cancel));
            }
            // </example>
        }
    }

}
