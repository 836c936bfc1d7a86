using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Attacks;

/// <summary>Nothing but what was asked for goes on the wire, whatever the memory that it passes through held before: the pool of these
/// tests fills each array with 0xA5. Row V12 of the attack catalogue.</summary>
public sealed class WireBytesTests
{
    private static readonly int[] Lengths =
        [0, 1, 2, 7, 125, 126, 127, 1000, 16_383, 16_384, 16_385, 40_000, 65_535, 65_536, 70_001];

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task V12_Every_way_to_send_puts_these_bytes_on_the_wire_and_no_others(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role, o => o with { FragmentSize = 30_000, IdleTimeout = TimeSpan.Zero });
        WebSocketConnection socket = peer.Connection;
        foreach (int length in Lengths)
        {
            // From the middle of a larger array, so that one read too far shows.
            byte[] memory = new byte[length + 64];
            memory.AsSpan().Fill(0x5A);
            string text = string.Create(length, length, static (span, n) => { for (int i = 0; i < span.Length; i++) span[i] = (char)('a' + ((i + n) % 26)); });
            Memory<byte> payload = memory.AsMemory(32, length);
            Encoding.ASCII.GetBytes(text, payload.Span);
            byte[] expected = payload.ToArray();

            await SendsAsync(Opcode.Binary, () => socket.SendAsync(payload));
            await SendsAsync(Opcode.Text, () => socket.SendAsync(payload, WebSocketMessageKind.Text));
            await SendsAsync(Opcode.Text, () => socket.SendTextAsync(text));
            await SendsAsync(Opcode.Binary, () => socket.SendSpanAsync<byte>(payload.Span));
            await SendsAsync(Opcode.Binary, () =>
            {
                Assert.NotEqual(SendResult.Full, socket.TrySend(payload.Span));
                return default;
            });
            await SendsAsync(Opcode.Text, () => StreamAsync(pieces: 3));
            await SendsAsync(Opcode.Text, () => StreamAsync(pieces: 1));
            await SendsAsync(Opcode.Binary, EchoAsync);

            async Task SendsAsync(Opcode opcode, Func<ValueTask> send)
            {
                Task sent = send().AsTask();
                ReceivedFrame message = await peer.ReadMessageAsync();
                await sent.Soon();
                Assert.Equal((opcode, role == Role.Client), (message.Opcode, message.IsMasked));
                Assert.True(message.Payload.AsSpan().SequenceEqual(expected), $"{opcode} of {length}");
            }

            async ValueTask StreamAsync(int pieces)
            {
                await using StreamedMessage message = socket.OpenMessage(WebSocketMessageKind.Text);
                for (int i = 0; i < pieces; i++)
                    await message.WriteAsync(payload[(i * length / pieces)..((i + 1) * length / pieces)]);
                await message.CompleteAsync();
            }

            async ValueTask EchoAsync()
            {
                await peer.SendAsync(peer.Frame(Opcode.Binary, payload.Span));
                await socket.SendAsync(await socket.ReceiveAsync());
            }
        }

        // What is longer than its characters, and the values of another type.
        await socket.SendTextAsync("aé€𝄞\uD800b");
        Assert.Equal("aé€𝄞\uFFFDb", (await peer.ReadMessageAsync()).Text);
        await socket.SendSpanAsync<ushort>([0x0102, 0x0304]);
        Assert.Equal(BitConverter.IsLittleEndian ? [2, 1, 4, 3] : [1, 2, 3, 4], (await peer.ReadMessageAsync()).Payload);

        await ControlSendsAsync(peer);
    }

    private static async Task ControlSendsAsync(RawPeer peer)
    {
        WebSocketConnection socket = peer.Connection;
        for (int length = 0; length <= 125; length++)
        {
            byte[] payload = EventLog.Payload(length, seed: length);
            await socket.SendPongAsync(payload);
            await AssertFrameAsync(Opcode.Pong);
            await peer.SendAsync(peer.Frame(Opcode.Ping, payload));
            await AssertFrameAsync(Opcode.Pong);
            foreach (byte b in peer.Frame(Opcode.Ping, payload))
                await peer.SendAsync([b]);
            await AssertFrameAsync(Opcode.Pong);
            if (length > 0)
            {
                Task<TimeSpan> ping = socket.PingAsync(payload);
                await AssertFrameAsync(Opcode.Ping);
                await peer.SendAsync(peer.Frame(Opcode.Pong, payload));
                await ping.Soon();
            }

            async Task AssertFrameAsync(Opcode opcode)
            {
                ReceivedFrame frame = (await peer.ReadFrameAsync())!;
                Assert.Equal((opcode, Convert.ToHexString(payload)), (frame.Opcode, Convert.ToHexString(frame.Payload)));
            }
        }

        // A Close for each length of its reason, each of its own connection.
        for (int length = 0; length <= 123; length++)
        {
            await using RawPeer other = RawPeer.Open(socket.Role);
            string reason = new('r', length);
            _ = other.Connection.CloseAsync(CloseCode.GoingAway, reason);
            ReceivedFrame close = (await other.ReadFrameAsync())!;
            Assert.Equal((Opcode.Close, 1001, reason), (close.Opcode, close.CloseCode, close.CloseReason));
            Assert.Equal(2 + length, close.Payload.Length);
        }
    }
}
