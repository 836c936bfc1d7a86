using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Cli.Bench;

/// <summary>The messages that are sent in a circle, framed and masked beforehand.</summary>
/// <remarks>Their frames lie behind each other in memory that never moves, so that any number of neighbours leaves in one write. All
/// connections send from it, so that it stays in the caches: there are as many as are in flight. Compressed ones are more, and all
/// different: a server that compresses with context would find the same message in its window.</remarks>
internal sealed class BenchMessages
{
    private const int MaxBytes = 4 * 1024 * 1024;
    private const int BytesBeyondWindow = 64 * 1024;
    private const int Seed = 6455;

    private readonly byte[] _payloads;
    private readonly int _distinct;

    public BenchMessages(BenchPlan plan)
    {
        Opcode = plan.IsBinary ? Opcode.Binary : Opcode.Text;
        IsCompressed = plan.IsCompressed;
        Size = plan.Size;
        int wanted = plan.IsCompressed ? Math.Max(plan.Depth, BytesBeyondWindow / plan.Size) : plan.Depth;
        Count = Math.Clamp(MaxBytes / (plan.Size + FrameHeader.MaxSize), 1, wanted);

        var random = new Random(Seed);
        _distinct = IsCompressed ? Count : 1;
        _payloads = plan.IsBinary && !IsCompressed ? CreateBytes(Size * _distinct, random) : CreateText(Size * _distinct, random);
        byte[][] sent = [.. Enumerable.Range(0, Count).Select(i => IsCompressed ? Deflate(PayloadOf(i).Span) : PayloadOf(i).ToArray())];
        Starts = new int[Count + 1];
        for (int i = 0; i < Count; i++)
            Starts[i + 1] = Starts[i] + FrameWriter.GetHeaderSize(sent[i].Length, masked: true) + sent[i].Length;

        Frames = GC.AllocateUninitializedArray<byte>(Starts[Count], pinned: true);
        for (int i = 0; i < Count; i++)
        {
            Span<byte> frame = Frames.AsSpan(Starts[i]);
            uint key = (uint)random.NextInt64(1, uint.MaxValue);
            int header = FrameWriter.WriteMaskedHeader(frame, Opcode, isFinal: true, sent[i].Length, key, rsv1: IsCompressed);
            Masking.Apply(sent[i], frame[header..], key);
        }
    }

    public Opcode Opcode { get; }

    public bool IsCompressed { get; }

    /// <summary>Gets the size of each payload as the application sees it.</summary>
    public int Size { get; }

    public int Count { get; }

    /// <summary>Gets the frames of all messages; pinned.</summary>
    public byte[] Frames { get; }

    /// <summary>Gets where each frame begins in <see cref="Frames"/>, and where the last one ends.</summary>
    public int[] Starts { get; }

    /// <summary>Gets the payload of a message as the application sees it.</summary>
    /// <param name="index">How many messages were sent before it.</param>
    public ReadOnlyMemory<byte> PayloadOf(int index) => _payloads.AsMemory((int)((uint)index % (uint)_distinct) * Size, Size);

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
    private static byte[] Deflate(ReadOnlySpan<byte> payload)
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

    /// <summary>Makes text as applications send it: JSON.</summary>
    private static byte[] CreateText(int size, Random random)
    {
        string[] names = ["sockeye", "chinook", "coho", "pink", "chum", "steelhead"];
        string[] states = ["open", "closing", "closed"];
        var text = new StringBuilder("[", size + 128);
        while (text.Length < size)
        {
            string name = names[random.Next(names.Length)];
            string state = states[random.Next(states.Length)];
            text.Append(CultureInfo.InvariantCulture, $$"""{"id":{{random.Next(1_000_000)}},"name":"{{name}}","state":"{{state}}",""");
            text.Append(CultureInfo.InvariantCulture, $$""""price":{{random.NextDouble() * 1000:0.00}},"tag":"{{random.Next():x8}}"},"""");
        }

        return Encoding.ASCII.GetBytes(text.ToString(0, size));
    }
}
