using System.Buffers;
using Sockeye.Compression;

namespace Sockeye.Tests.Compression;

/// <summary>Names a codec, so that every test of the suite runs on both.</summary>
public enum CodecKind
{
    Native,
    Fallback,
}

internal static class CodecKinds
{
    private const int Kept = 2;

    public static Codecs Create(this CodecKind kind) => kind == CodecKind.Native ? Codecs.CreateNative() : Codecs.CreateFallback();

    public static CodecPool<Inflater> Inflaters(this CodecKind kind) =>
        new(kind == CodecKind.Native ? () => new NativeInflater() : () => new ManagedInflater(), Kept);

    public static CodecPool<Deflater> Deflaters(this CodecKind kind, int level = 6, int windowBits = 15, int memoryLevel = 8, int strategy = 0)
    {
        var settings = new DeflaterSettings(level, windowBits, memoryLevel, strategy);
        return new(kind == CodecKind.Native ? () => new NativeDeflater(settings) : () => new StreamDeflater(settings), Kept);
    }

    /// <summary>Compresses a message or a fragment of one.</summary>
    public static byte[] Compress(this MessageDeflater deflater, ReadOnlySpan<byte> source, bool endsMessage = true, int capacity = 64)
    {
        var output = new OutputArray(ArrayPool<byte>.Shared, capacity);
        try
        {
            deflater.Compress(source, ref output, endsMessage);
            return output.Array.AsSpan(0, output.Length).ToArray();
        }
        finally
        {
            output.Return();
        }
    }

    /// <summary>Inflates a message that comes in one piece, into room of some size at a time.</summary>
    /// <returns>The message; null where it is not valid.</returns>
    public static byte[]? Inflate(this MessageInflater inflater, ReadOnlySpan<byte> source, int room = 1024, int piece = int.MaxValue)
    {
        List<byte> message = [];
        byte[] destination = new byte[room];
        do
        {
            ReadOnlySpan<byte> next = source[..Math.Min(piece, source.Length)];
            source = source[next.Length..];
            int written;
            do
            {
                bool isValid = inflater.TryInflate(next, destination, out int consumed, out written);
                message.AddRange(destination.AsSpan(0, written));
                if (!isValid)
                    return null;
                next = next[consumed..];
            }
            while (written == room);

            Assert.True(next.IsEmpty, "The room was not filled, and not all was consumed.");
        }
        while (!source.IsEmpty);

        return inflater.TryEndMessage() ? [.. message] : null;
    }
}
