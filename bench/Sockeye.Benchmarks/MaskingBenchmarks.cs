using System.Numerics;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using Sockeye.Protocol;

namespace Sockeye.Benchmarks;

/// <summary>Masking in place. The framework's is private; beside ours stand the loops that one would write.</summary>
public class MaskingBenchmarks
{
    private const uint Key = 0x9A3BC5D7;

    // A line of the cache: what begins there is aligned for every width.
    private const int Line = 64;

    private byte[] _memory = [];
    private int _start;
    private int _length;
    private int _phase;

    /// <summary>Gets or sets what is masked. The adverse twin of each size begins one byte off, is three bytes short of whole words and goes
    /// on three bytes into the key.</summary>
    [Params("7 B", "64 B", "1 KiB", "64 KiB", "61 B, odd", "1021 B, odd", "65533 B, odd")]
    public string Payload { get; set; } = "";

    [GlobalSetup]
    public void Prepare()
    {
        bool isOdd = Payload.EndsWith("odd", StringComparison.Ordinal);
        string[] size = Payload.TrimEnd("odd".ToCharArray()).TrimEnd(' ', ',').Split(' ');
        _length = int.Parse(size[0]) * (size[1] == "KiB" ? 1024 : 1);
        _phase = isOdd ? 3 : 0;
        _memory = GC.AllocateUninitializedArray<byte>(_length + (2 * Line), pinned: true);
        nint address = (nint)Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0);
        _start = (int)(-address & (Line - 1)) + (isOdd ? 1 : 0);
    }

    [Benchmark]
    public void Sockeye() => Masking.Apply(_memory.AsSpan(_start, _length), Key, _phase);

    [Benchmark(Baseline = true)]
    public void Loop_of_numerics_vectors()
    {
        Span<byte> data = _memory.AsSpan(_start, _length);
        uint key = BitOperations.RotateRight(Key, 8 * _phase);
        var wide = Vector.AsVectorByte(new Vector<uint>(key));
        int i = 0;
        for (; i + Vector<byte>.Count <= data.Length; i += Vector<byte>.Count)
            (new Vector<byte>(data[i..]) ^ wide).CopyTo(data[i..]);
        for (; i < data.Length; i++)
            data[i] ^= (byte)(key >> (8 * (i & 3)));
    }

    [Benchmark]
    public void Loop_of_bytes()
    {
        Span<byte> data = _memory.AsSpan(_start, _length);
        for (int i = 0; i < data.Length; i++)
            data[i] ^= (byte)(Key >> (8 * ((i + _phase) & 3)));
    }
}
