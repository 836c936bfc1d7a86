using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Cli.Bench;

/// <summary>The message that is sent all the time, framed and masked beforehand as often as one write may take it.</summary>
/// <remarks>The frames lie behind each other in memory that never moves; all have the same size, and masks of their own. All connections
/// send from it, so that it stays in the caches.</remarks>
internal sealed class BenchMessage
{
    private const int MaxBatchBytes = 4 * 1024 * 1024;
    private const int Seed = 6455;

    public BenchMessage(BenchPlan plan)
    {
        Opcode = plan.IsBinary ? Opcode.Binary : Opcode.Text;
        IsCompressed = plan.IsCompressed;
        var random = new Random(Seed);
        Payload = plan.IsBinary && !plan.IsCompressed ? CreateBytes(plan.Size, random) : CreateText(plan.Size, random);
        byte[] sent = plan.IsCompressed ? Deflate(Payload) : Payload;
        WireSize = sent.Length;

        FrameSize = FrameWriter.GetHeaderSize(sent.Length, masked: true) + sent.Length;
        int frames = Math.Clamp(MaxBatchBytes / FrameSize, 1, plan.Depth);
        Batch = GC.AllocateUninitializedArray<byte>(frames * FrameSize, pinned: true);
        for (int i = 0; i < frames; i++)
        {
            Span<byte> frame = Batch.AsSpan(i * FrameSize, FrameSize);
            uint key = (uint)random.NextInt64(1, uint.MaxValue);
            int header = FrameWriter.WriteMaskedHeader(frame, Opcode, isFinal: true, sent.Length, key, rsv1: plan.IsCompressed);
            Masking.Apply(sent, frame[header..], key);
        }
    }

    public Opcode Opcode { get; }

    public bool IsCompressed { get; }

    /// <summary>Gets the payload as the application sees it.</summary>
    public byte[] Payload { get; }

    /// <summary>Gets the size of the payload as it is sent.</summary>
    public int WireSize { get; }

    public int FrameSize { get; }

    /// <summary>Gets the frames; pinned.</summary>
    public byte[] Batch { get; }

    /// <summary>Makes a masked frame of control.</summary>
    public static byte[] CreateControl(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        const uint Key = 0x5A3C96E1;
        byte[] frame = new byte[FrameWriter.GetHeaderSize(payload.Length, masked: true) + payload.Length];
        int header = FrameWriter.WriteMaskedHeader(frame, opcode, isFinal: true, payload.Length, Key);
        Masking.Apply(payload, frame.AsSpan(header), Key);
        return frame;
    }

    /// <summary>Makes the frame that closes a connection with code 1000.</summary>
    public static byte[] CreateClose()
    {
        Span<byte> code = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(code, (ushort)CloseCode.Normal);
        return CreateControl(Opcode.Close, code);
    }

    /// <summary>Inflates a message that refers to none before it.</summary>
    /// <returns>Null where it is no deflated message.</returns>
    public static byte[]? Inflate(ReadOnlySpan<byte> deflated)
    {
        try
        {
            using var source = new MemoryStream([.. deflated, 0, 0, 0xFF, 0xFF]);
            using var inflater = new DeflateStream(source, CompressionMode.Decompress);
            using var inflated = new MemoryStream();
            inflater.CopyTo(inflated);
            return inflated.ToArray();
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>Deflates a message without its tail (RFC 7692, section 7.2.1).</summary>
    private static byte[] Deflate(byte[] payload)
    {
        using var deflated = new MemoryStream();
        using var deflater = new DeflateStream(deflated, CompressionLevel.Optimal);
        deflater.Write(payload);
        deflater.Flush(); // what ends the stream follows with its disposal, and is no part of the message
        return deflated.ToArray()[..^4];
    }

    private static byte[] CreateBytes(int size, Random random)
    {
        byte[] bytes = new byte[size];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Makes text as applications send it: JSON, cut off at the size.</summary>
    private static byte[] CreateText(int size, Random random)
    {
        string[] names = ["sockeye", "chinook", "coho", "pink", "chum", "steelhead"];
        string[] states = ["open", "closing", "closed"];
        var text = new StringBuilder("[", size + 128);
        while (text.Length < size)
        {
            text.Append(CultureInfo.InvariantCulture,
                $$"""{"id":{{random.Next(1_000_000)}},"name":"{{names[random.Next(names.Length)]}}","state":"{{states[random.Next(states.Length)]}}","price":{{random.NextDouble() * 1000:0.00}},"tags":["{{random.Next():x8}}","fish"]},""");
        }

        return Encoding.ASCII.GetBytes(text.ToString(0, size));
    }
}
