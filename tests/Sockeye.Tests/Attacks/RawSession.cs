using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Attacks;

/// <summary>One peer over a bare socket, and its whole life: good messages, what breaks a rule right behind them, and more bytes behind
/// that, while the other side answers and closes. It reads to the end, and knows what must have come by then.</summary>
/// <param name="rule">The rule that it breaks.</param>
/// <param name="receiver">The role of the connection under test.</param>
/// <param name="seed">Chooses the messages, the pieces and the moments.</param>
internal sealed class RawSession(Rule rule, Role receiver, int seed)
{
    private static readonly byte[] Noise = EventLog.Payload(64 * 1024);

    private readonly Random _random = new(seed);
    private readonly List<string> _expected = [];

    /// <summary>Plays against a connection of which the socket is open.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="opening">What comes before the first frame: a request, or the answer to one.</param>
    public async Task PlayAsync(Socket socket, string opening)
    {
        byte[] frames = MakeFrames();
        byte[] prefix = Encoding.ASCII.GetBytes(opening);
        using var received = new MemoryStream();
        bool isPipelined = _random.Next(3) == 0;
        if (!isPipelined)
        {
            await SendAllAsync(socket, prefix);
            if (receiver == Role.Server)
                await ReadHeadAsync(socket, received);
            prefix = [];
        }

        int howItEnds = _random.Next(3);
        int more = howItEnds == 0 ? 0 : _random.Next(12);
        bool readsLate = _random.Next(4) == 0;
        byte[] wire = [.. prefix, .. frames, .. Noise.AsSpan(0, _random.Next(2) == 0 ? 0 : _random.Next(20_000))];
        Task sending = SendAsync();
        if (readsLate)
            await sending;
        await ReadToEndAsync(socket, received);
        await sending;
        if (howItEnds == 2)
        {
            // The other side has ended its direction, and still takes what comes.
            await SendAllAsync(socket, Noise.AsMemory(0, _random.Next(1, 20_000)));
            socket.Shutdown(SocketShutdown.Send);
        }

        Verify(received);

        async Task SendAsync()
        {
            for (int start = 0; start < wire.Length;)
            {
                int end = _random.Next(3) == 0 ? _random.Next(start, wire.Length) + 1 : wire.Length;
                await SendAllAsync(socket, wire.AsMemory(start, end - start));
                start = end;
            }

            for (int i = 0; i < more; i++)
            {
                if (i % 3 == 0)
                    await Task.Yield();
                await SendAllAsync(socket, Noise.AsMemory(0, (i * 1499) + 1));
            }

            if (howItEnds < 2)
                socket.Shutdown(SocketShutdown.Send);
        }
    }

    /// <summary>Reads up to the empty line of a head.</summary>
    public static async Task<string> ReadHeadAsync(Socket socket, MemoryStream received)
    {
        while (true)
        {
            string text = Encoding.Latin1.GetString(received.GetBuffer(), 0, (int)received.Length);
            if (text.Contains("\r\n\r\n", StringComparison.Ordinal))
                return text;
            if (!await ReceiveAsync(socket, received))
                Assert.Fail($"The head ends at: {text}");
        }
    }

    private byte[] MakeFrames()
    {
        List<byte> wire = [];
        for (int count = _random.Next(8); count > 0; count--)
        {
            // Now and then one that is sent from the memory in which it was received.
            byte[] payload = EventLog.Payload(_random.Next(10) == 0 ? _random.Next(17_000, 40_000) : _random.Next(300), _random.Next());
            bool isText = _random.Next(2) == 0;
            for (int i = 0; isText && i < payload.Length; i++)
                payload[i] &= 0x7F;
            byte first = (byte)(0x80 | (isText ? 1 : 2));
            wire.AddRange(Wire.Raw(first, payload, isMasked: receiver == Role.Server));
            _expected.Add(Describe(first, payload));
        }

        wire.AddRange(Violations.Break(rule, receiver, _random));
        var violation = Violation.Of(rule);
        byte[] close = new byte[2 + violation.Message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(close, (ushort)violation.CloseCode);
        Encoding.ASCII.GetBytes(violation.Message, close.AsSpan(2));
        _expected.Add(Describe(0x88, close));
        return [.. wire];
    }

    private void Verify(MemoryStream received)
    {
        ReadOnlySpan<byte> rest = received.GetBuffer().AsSpan(0, (int)received.Length);
        if (receiver == Role.Server)
            rest = rest[(rest.IndexOf("\r\n\r\n"u8) + 4)..];
        List<string> seen = [];
        while (FrameReader.TryReadFrame(rest, out FrameHeader header, out ReadOnlySpan<byte> payload))
        {
            byte[] unmasked = payload.ToArray();
            if (header.IsMasked)
                Masking.Apply(unmasked, header.MaskKey);
            seen.Add(Describe(rest[0], unmasked));
            if (header.IsMasked != (receiver == Role.Client))
                seen.Add("wrong mask");
            rest = rest[(header.Size + payload.Length)..];
        }

        if (rest.Length > 0)
            seen.Add($"{rest.Length} bytes of a frame");
        if (!_expected.SequenceEqual(seen))
            Fail($"{string.Join(", ", seen)} instead of {string.Join(", ", _expected)}");
    }

    private async Task ReadToEndAsync(Socket socket, MemoryStream received)
    {
        try
        {
            while (await ReceiveAsync(socket, received))
            {
                // Up to the end.
            }
        }
        catch (SocketException e)
        {
            Fail($"{e.SocketErrorCode} after {received.Length} bytes");
        }
    }

    private async Task SendAllAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (bytes.Length > 0)
                bytes = bytes[await socket.SendAsync(bytes)..];
        }
        catch (SocketException e)
        {
            Fail($"{e.SocketErrorCode} while sending");
        }
    }

    private static async Task<bool> ReceiveAsync(Socket socket, MemoryStream received)
    {
        byte[] buffer = new byte[16 * 1024];
        int count = await socket.ReceiveAsync(buffer);
        received.Write(buffer, 0, count);
        return count > 0;
    }

    private void Fail(string what) => Assert.Fail($"{rule} for a {receiver}, seed {seed}: {what}");

    private static string Describe(byte first, ReadOnlySpan<byte> payload) => EventLog.Describe($"{first:x2}", payload);
}
