using Sockeye.Cli.Bench;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>The frames that the verb bench makes beforehand.</summary>
public sealed class BenchMessagesTests
{
    [Theory]
    [InlineData(1, 1, false, false)]
    [InlineData(64, 32, false, false)]
    [InlineData(1024, 8, true, false)]
    [InlineData(65_536, 4, true, false)]
    [InlineData(4096, 4, false, true)]
    [InlineData(100, 3, true, true)]
    public void Frames_hold_the_payloads_masked_and_lie_behind_each_other(int size, int depth, bool isBinary, bool isCompressed)
    {
        BenchMessages messages = Create(size, depth, isBinary, isCompressed);
        var payloads = new HashSet<string>();
        for (int i = 0; i < messages.Count; i++)
        {
            ReadOnlySpan<byte> bytes = messages.Frames.AsSpan(messages.Starts[i]..messages.Starts[i + 1]);
            Assert.True(FrameReader.TryReadFrame(bytes, out FrameHeader header, out ReadOnlySpan<byte> masked));
            Assert.Equal(bytes.Length, header.Size + masked.Length);
            Assert.True(header.IsFinal && header.IsMasked && header.IsLengthMinimal && header.MaskKey != 0);
            Assert.Equal((isBinary ? Opcode.Binary : Opcode.Text, isCompressed), (header.Opcode, header.IsRsv1Set));

            byte[] payload = masked.ToArray();
            Masking.Apply(payload, header.MaskKey);
            Assert.Equal(messages.PayloadOf(i), isCompressed ? BenchMessages.Inflate(payload) : payload);
            Assert.Equal(size, messages.PayloadOf(i).Length);
            payloads.Add(Convert.ToHexString(messages.PayloadOf(i).Span));
        }

        Assert.Equal(messages.Frames.Length, messages.Starts[messages.Count]);
        Assert.Equal(isCompressed ? messages.Count : 1, payloads.Count);
        Assert.Equal(messages.PayloadOf(0), messages.PayloadOf(messages.Count));
    }

    [Theory]
    [InlineData(64, 32, false, 32)]
    [InlineData(1024 * 1024, 8, false, 3)] // 4 MiB at most, headers included
    [InlineData(4096, 4, true, 16)] // twice the largest window at least
    [InlineData(16 * 1024 * 1024, 1, true, 1)]
    public void There_are_as_many_as_are_in_flight_as_far_as_they_fit_and_more_where_a_window_would_hold_them(
        int size, int depth, bool isCompressed, int count) =>
        Assert.Equal(count, Create(size, depth, isBinary: true, isCompressed).Count);

    [Fact]
    public void Control_frames_are_masked()
    {
        byte[] close = BenchMessages.CreateClose();
        Assert.True(FrameReader.TryReadFrame(close, out FrameHeader header, out ReadOnlySpan<byte> masked));
        byte[] payload = masked.ToArray();
        Masking.Apply(payload, header.MaskKey);
        Assert.Equal([0x03, 0xE8], payload);
        Assert.Equal((Opcode.Close, true), (header.Opcode, header.IsMasked));
    }

    internal static BenchMessages Create(int size, int depth, bool isBinary, bool isCompressed) => new(new BenchPlan
    {
        Url = new Uri("ws://127.0.0.1/"),
        Connections = 1,
        Size = size,
        Depth = depth,
        IsBinary = isBinary,
        IsCompressed = isCompressed,
        Duration = TimeSpan.Zero,
        WarmUp = TimeSpan.Zero,
    });
}
