using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.LowLevel;

/// <summary>The examples of docs/low-level.md: each stands here between two marks, and is run.</summary>
public sealed class DocumentedExamplesTests
{
    private static readonly TimeSpan Patience = RawClient.Patience;

    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("low-level.md", Path.Combine("LowLevel", nameof(DocumentedExamplesTests) + ".cs"), count: 5);

    [Fact]
    public async Task Frames_over_a_stream()
    {
        (DuplexStream stream, DuplexStream peer) = StreamPair.Create();
        byte[] payload = "hello"u8.ToArray();
        await WebSocketWire.WriteFrameAsync(peer, Opcode.Text, "answer"u8.ToArray());

        // <example>
        uint maskKey = WebSocketWire.CreateMaskKey(); // a client's frame; null for a server's
        await WebSocketWire.WriteFrameAsync(stream, Opcode.Text, payload, isFinal: true, maskKey);

        WebSocketFrame? frame = await WebSocketWire.ReadFrameAsync(stream, receiver: Role.Client, maxPayloadSize: 1024 * 1024);
        string text = frame is { } received ? Encoding.UTF8.GetString(received.Payload.Span) : "the stream has ended";
        // </example>

        Assert.Equal("answer", text);
        WebSocketFrame sent = (await WebSocketWire.ReadFrameAsync(peer, Role.Server)).GetValueOrDefault();
        Assert.Equal(payload, sent.Payload.ToArray());
    }

    [Fact]
    public void Frames_in_memory()
    {
        byte[] payload = [1, 2, 3];
        uint maskKey = WebSocketWire.CreateMaskKey();
        var console = new StringWriter();
        RunExample(console);
        Assert.Equal("Binary, last: False, 3 bytes", console.ToString().TrimEnd());

        void RunExample(StringWriter Console)
        {
            // <example>
            var output = new ArrayBufferWriter<byte>();
            FrameWriter.WriteFrame(output, Opcode.Binary, payload, isFinal: false, maskKey);

            if (FrameReader.TryReadFrame(output.WrittenSpan, out FrameHeader header, out ReadOnlySpan<byte> masked)
                && FrameRules.Check(header, receiver: Role.Server) is null)
            {
                byte[] unmasked = new byte[masked.Length];
                Masking.Apply(masked, unmasked, header.MaskKey);
                Console.WriteLine($"{header.Opcode}, last: {header.IsFinal}, {unmasked.Length} bytes");
            }
            // </example>
        }
    }

    [Fact]
    public async Task Handshakes_by_hand_and_over_a_stream()
    {
        (DuplexStream client, DuplexStream server) = StreamPair.Create();
        Task<WebSocketConnection?> accepting = AcceptReadAsync(server);
        var options = new WebSocketClientOptions { Subprotocols = ["chat.v1"] };

        await ConnectAsync(client, options, async () =>
        {
            WebSocketConnection? accepted = await accepting.WaitAsync(Patience);
            Assert.Equal("chat.v1", accepted?.Subprotocol);
            await accepted!.SendTextAsync("hello");
            _ = accepted.ReceiveAsync().AsTask(); // so that the peer's Close is answered
        });
    }

    [Fact]
    public async Task Handshake_by_hand_refuses()
    {
        (DuplexStream client, DuplexStream server) = StreamPair.Create();
        RequestHead request = new("GET", "/", new() { { "Host", "a" } });

        Assert.Null(await AcceptAsync(server, request, default, WebSocketConnectionOptions.Default));

        byte[] answer = new byte[12];
        await client.ReadExactlyAsync(answer);
        Assert.Equal("HTTP/1.1 426", Encoding.ASCII.GetString(answer));
    }

    private static async Task<WebSocketConnection?> AcceptReadAsync(Stream stream)
    {
        var scanner = new HeadScanner();
        byte[] received = new byte[4096];
        for (int count = 0; ;)
        {
            count += await stream.ReadAsync(received.AsMemory(count)).AsTask().WaitAsync(Patience);
            if (scanner.TryFindEnd(received.AsSpan(0, count), out int length, out _))
            {
                Assert.True(RequestHead.TryParse(received.AsSpan(0, length), out RequestHead? request, out _));
                return await AcceptAsync(stream, request, received.AsMemory(length, count - length), WebSocketConnectionOptions.Default);
            }
        }
    }

    private static async Task<WebSocketConnection?> AcceptAsync(
        Stream stream, RequestHead request, ReadOnlyMemory<byte> bytesAfterHead, WebSocketConnectionOptions options)
    {
        // <example>
        if (!ServerHandshake.TryEvaluate(request, out UpgradeOffer? offer, out HandshakeFault? fault))
        {
            await stream.WriteAsync(HandshakeRefusal.Of(fault).ToBytes());
            return null;
        }

        string? subprotocol = Subprotocol.Select(offer.Subprotocols, ["chat.v2", "chat.v1"]);
        await stream.WriteAsync(offer.Accept(subprotocol).ToBytes());
        return WebSocketConnection.CreateFromStream(stream, Role.Server, options, bytesAfterHead, subprotocol);
        // </example>
    }

    [Fact]
    public async Task Pipes_carry_frames()
    {
        var console = new StringWriter();
        await CarryAsync(console);
        Assert.Equal("no HTTP, no socket", console.ToString().TrimEnd());
    }

    private static async Task CarryAsync(StringWriter Console)
    {
        // <example>
        var forth = new Pipe();
        var back = new Pipe();
        await using var client = WebSocketConnection.CreateFromPipe(new DuplexPipe(back.Reader, forth.Writer), Role.Client);
        await using var server = WebSocketConnection.CreateFromPipe(new DuplexPipe(forth.Reader, back.Writer), Role.Server);

        await client.SendTextAsync("no HTTP, no socket");
        Console.WriteLine((await server.ReceiveAsync()).GetText());
        // </example>
    }

    private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private static async Task ConnectAsync(Stream stream, WebSocketClientOptions options, Func<Task> serve)
    {
        // <example>
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(stream, new Uri("ws://example.com/feed"), options);
        // </example>

        await serve();
        Assert.Equal("hello", (await socket.ReceiveAsync()).GetText());
    }
}
