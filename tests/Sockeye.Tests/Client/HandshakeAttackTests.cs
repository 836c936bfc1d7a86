using System.Text;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports;

namespace Sockeye.Tests.Client;

/// <summary>What servers do to the handshake of a client: rows V01, V02, V14, V42, V43 and V45 of the attack catalogue.</summary>
public sealed class HandshakeAttackTests
{
    private const string Open = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";

    private readonly CountingPool _pool = new();
    private readonly BufferPool _buffers;

    public HandshakeAttackTests() => _buffers = new BufferPool(_pool);

    private WebSocketClientOptions Options => new() { Connection = new() { Buffers = _buffers } };

    // V01 and V02: the length that a body declares is compared before anything is added to it, and nothing is made for it.
    [Theory]
    [InlineData("Content-Length: 9223372036854775807\r\n\r\nhel", "hel")]
    [InlineData("Content-Length: 9223372036854775808\r\n\r\nhel", "hel")]
    [InlineData("Content-Length: 99999999999999999999999999\r\n\r\nhel", "hel")]
    [InlineData("Content-Length: -1\r\n\r\nhel", "hel")]
    [InlineData("Content-Length: 3, 3\r\n\r\nhel", "hel")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n7FFFFFFFFFFFFFFF\r\nhel", "hel")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n8000000000000000\r\nhel", "")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nhel", "")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nhel", "")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n-3\r\nhel", "")]
    public async Task Body_of_a_refusal_that_declares_any_length_costs_what_has_come(string rest, string body)
    {
        Exception? thrown = await ConnectAsync("HTTP/1.1 403 No\r\n" + rest);

        var failure = Assert.IsType<WebSocketHandshakeException>(thrown);
        Assert.Equal((HandshakeFailure.Status, body), (failure.Cause, Encoding.Latin1.GetString(failure.Body.Span)));
        Assert.InRange(_pool.PeakBytes, 1, 128 * 1024);
        await AssertNothingIsLeftAsync();
    }

    // V14: an answer that cannot be fails the connection, by one exception.
    [Theory]
    [InlineData("permessage-deflate; server_max_window_bits=7")]
    [InlineData("permessage-deflate; server_max_window_bits=16")]
    [InlineData("permessage-deflate; client_max_window_bits=0")]
    [InlineData("permessage-deflate; unknown")]
    [InlineData("permessage-deflate, permessage-deflate")]
    [InlineData("__proto__")]
    [InlineData("permessage-deflate; =")]
    public async Task Answer_about_compression_that_cannot_be_fails_the_connection(string accepted)
    {
        Exception? thrown = await ConnectAsync(
            Open + $"Sec-WebSocket-Extensions: {accepted}\r\n\r\n", Options with { PerMessageDeflate = new() });

        Assert.Equal(HandshakeFailure.Protocol, Assert.IsType<WebSocketHandshakeException>(thrown).Cause);
        await AssertNothingIsLeftAsync();
    }

    // V14
    [Fact]
    public async Task Answer_about_compression_that_was_not_asked_for_fails_the_connection()
    {
        Exception? thrown = await ConnectAsync(
            Open + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", Options with { PerMessageDeflate = null });

        Assert.Equal(HandshakeRule.ExtensionMustBeOffered, Assert.IsType<WebSocketHandshakeException>(thrown).Fault?.Rule);
    }

    // V42
    [Fact]
    public async Task Memory_that_a_read_is_under_way_into_stays_out_of_the_pool_until_the_read_ends()
    {
        var stream = new HeldStream();
        using var cancel = new CancellationTokenSource();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(stream, new Uri("ws://a"), Options, cancel.Token);
        Memory<byte> memory = await stream.Reading.Soon();

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.Soon());

        Assert.True(stream.IsDisposed);
        Assert.Equal(1, _buffers.SlabsHeld);
        memory.Span.Fill((byte)'H'); // the operating system, late
        stream.Complete(memory.Length);
        await AssertNothingIsLeftAsync();
    }

    // V43
    [Fact]
    public async Task Any_bytes_for_an_answer_end_as_a_connection_or_as_one_exception()
    {
        byte[] valid = Encoding.Latin1.GetBytes(Open + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
        var random = new Random(20_262);
        int opened = 0;
        for (int i = 0; i < 1000; i++)
        {
            byte[] mutated = [.. valid];
            for (int change = 0; change < 1 + (i % 4); change++)
                mutated[random.Next(mutated.Length)] = (byte)random.Next(256);

            Exception? thrown = await ConnectAsync(Encoding.Latin1.GetString(mutated));

            Assert.True(thrown is null or WebSocketHandshakeException, thrown?.ToString());
            opened += thrown is null ? 1 : 0;
        }

        Assert.InRange(opened, 1, 999); // both have been seen
        await AssertNothingIsLeftAsync();
    }

    // V45: what an exception repeats of the answer drives no terminal, and logs repeat exceptions.
    [Theory]
    [InlineData("HTTP/1.1 403 \u009B31m\r\n\r\n")]
    [InlineData("HTTP/1.1 4\u009B31m\r\n\r\n")]
    [InlineData("\u009B31m\r\n\r\n")]
    [InlineData("HTTP/1.1 101 a\r\nUpgrade: \u009B31m\r\n\r\n")]
    [InlineData("HTTP/1.1 101 a\r\nUpgrade: websocket\r\nConnection: \u009B31m\r\n\r\n")]
    [InlineData("HTTP/1.1 101 a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \u009B31m\r\n\r\n")]
    [InlineData("HTTP/1.1 101 a\r\n\u009B31m: a\r\n\r\n")]
    [InlineData(Open + "Sec-WebSocket-Protocol: \u009B31m\r\n\r\n")]
    [InlineData(Open + "Sec-WebSocket-Extensions: \u009B31m\r\n\r\n")]
    [InlineData(Open + "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=\"\u009B31m\"\r\n\r\n")]
    public async Task Exception_about_an_answer_holds_printable_characters_alone(string answer)
    {
        using var logs = new RecordedLogs();
        Exception? thrown = await ConnectAsync(
            answer, Options with { PerMessageDeflate = new(), Connection = new() { Buffers = _buffers, LoggerFactory = logs } });

        Assert.IsType<WebSocketHandshakeException>(thrown);
        Assert.DoesNotContain(thrown.Message, character => character is < ' ' or > '~');
        Assert.DoesNotContain("\u009B", thrown.ToString(), StringComparison.Ordinal);
        Assert.Empty(logs.Loud);
        await AssertNothingIsLeftAsync();
    }

    /// <summary>Connects to a server that answers so and ends.</summary>
    private async Task<Exception?> ConnectAsync(string answer, WebSocketClientOptions? options = null)
    {
        (DuplexStream near, DuplexStream far) = StreamPair.Create();
        Task serving = ServeAsync();
        Exception? thrown = await Record.ExceptionAsync(async () =>
            (await WebSocketClient.ConnectAsync(near, new Uri("ws://a"), options ?? Options).Soon()).Abort());
        await near.Disposed.Soon();
        await serving.Soon();
        return thrown;

        async Task ServeAsync()
        {
            UpgradeRequest request = await WebSocketUpgrade.ReadRequestAsync(far);
            string accept = HandshakeKey.ComputeAccept(request.Headers["Sec-WebSocket-Key"]!);
            byte[] bytes = Encoding.Latin1.GetBytes(answer.Replace("{accept}", accept, StringComparison.Ordinal));
            try
            {
                await far.WriteAsync(bytes);
            }
            catch (Exception e) when (e is IOException or InvalidOperationException)
            {
                // the client has gone
            }

            await far.DisposeAsync();
        }
    }

    private Task AssertNothingIsLeftAsync() => Settle.UntilAsync(
        () => _pool.Outstanding == 0 && _buffers.SlabsHeld == 0,
        () => $"{_buffers.SlabsHeld} slabs held, {string.Join("\n\n", _pool.Traces)}");
}
