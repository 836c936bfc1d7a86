using BenchmarkDotNet.Attributes;
using Sockeye.Protocol;

namespace Sockeye.Benchmarks;

/// <summary>Parsing frame headers. The framework parses them too, but in private: <see cref="AssemblyBenchmarks"/> compares that.</summary>
public class HeaderBenchmarks
{
    private const int Frames = 1000;

    private readonly byte[] _short = Headers(payloadLength: 64);
    private readonly byte[] _longest = Headers(payloadLength: 1L << 40);

    [Benchmark(Baseline = true, OperationsPerInvoke = Frames)]
    public ulong Of_6_bytes() => ReadAll(_short);

    [Benchmark(OperationsPerInvoke = Frames)]
    public ulong Of_14_bytes() => ReadAll(_longest);

    /// <summary>Every header is asked for again with each byte that comes: thirteen times in vain.</summary>
    [Benchmark(OperationsPerInvoke = Frames)]
    public ulong Of_14_bytes_that_come_one_by_one()
    {
        ulong sum = 0;
        ReadOnlySpan<byte> rest = _longest;
        while (!rest.IsEmpty)
        {
            int arrived = 1;
            FrameHeader header;
            while (!FrameReader.TryReadHeader(rest[..arrived], out header))
                arrived++;
            sum += header.PayloadLength;
            rest = rest[header.Size..];
        }

        return sum;
    }

    private static ulong ReadAll(ReadOnlySpan<byte> rest)
    {
        ulong sum = 0;
        while (FrameReader.TryReadHeader(rest, out FrameHeader header))
        {
            sum += header.PayloadLength;
            rest = rest[header.Size..];
        }

        return sum;
    }

    private static byte[] Headers(long payloadLength)
    {
        byte[] headers = new byte[Frames * FrameHeader.MaxSize];
        int end = 0;
        for (int i = 0; i < Frames; i++)
            end += FrameWriter.WriteMaskedHeader(headers.AsSpan(end), Opcode.Binary, isFinal: true, payloadLength, maskKey: 0x01020304);
        return headers[..end];
    }
}
