using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sockeye.Protocol;

/// <summary>Masks and unmasks payloads: byte <c>i</c> is combined with byte <c>i mod 4</c> of the key by exclusive or
/// (RFC 6455, section 5.3). Doing it twice gives the payload back.</summary>
/// <remarks>A key is four bytes in the order of the wire, loaded as a <see cref="uint"/> of this machine
/// (<see cref="CreateKey"/>). A payload may be handled in pieces: <c>phase</c> is the number of its bytes that came before.</remarks>
public static class Masking
{
    /// <summary>Makes a mask key of random bytes.</summary>
    /// <param name="randomBytes">Four bytes from a cryptographically strong source, fresh for each frame: a peer or an
    /// application must not be able to foresee them (RFC 6455, section 10.3).</param>
    /// <exception cref="ArgumentException">There are not exactly four bytes.</exception>
    public static uint CreateKey(ReadOnlySpan<byte> randomBytes)
    {
        if (randomBytes.Length != 4)
            throw new ArgumentException($"A mask key has 4 bytes; got {randomBytes.Length}.", nameof(randomBytes));
        return MemoryMarshal.Read<uint>(randomBytes);
    }

    /// <summary>Masks or unmasks a payload in place.</summary>
    /// <param name="data">The payload, or a piece of it.</param>
    /// <param name="key">The mask key.</param>
    /// <param name="phase">How many bytes of the payload came before <paramref name="data"/>; only its value modulo 4 counts.</param>
    public static void Apply(Span<byte> data, uint key, int phase = 0)
    {
        ref byte start = ref MemoryMarshal.GetReference(data);
        Xor(ref start, ref start, (nuint)data.Length, Rotate(key, phase));
    }

    /// <summary>Masks or unmasks a payload on its way into other memory; the source stays as it is.</summary>
    /// <param name="source">The payload, or a piece of it.</param>
    /// <param name="destination">Where to write; as long as <paramref name="source"/>, and either the same memory or none of it.</param>
    /// <param name="key">The mask key.</param>
    /// <param name="phase">How many bytes of the payload came before <paramref name="source"/>; only its value modulo 4 counts.</param>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    public static void Apply(ReadOnlySpan<byte> source, Span<byte> destination, uint key, int phase = 0)
    {
        if (destination.Length < source.Length)
        {
            throw new ArgumentException(
                $"The destination holds {destination.Length} bytes, the source {source.Length}.", nameof(destination));
        }

        Xor(
            ref MemoryMarshal.GetReference(source),
            ref MemoryMarshal.GetReference(destination),
            (nuint)source.Length,
            Rotate(key, phase));
    }

    /// <summary>Turns the key so that its first byte meets the byte at <paramref name="phase"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Rotate(uint key, int phase)
    {
        if ((phase & 3) == 0)
            return key;

        // By memory and not by shifts: the same in either byte order.
        ulong twice = key | ((ulong)key << 32);
        return Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref Unsafe.As<ulong, byte>(ref twice), phase & 3));
    }

    // From wide to narrow. Each width is a whole multiple of the key, so the phase never changes on the way.
    private static void Xor(ref byte source, ref byte destination, nuint length, uint key)
    {
        nuint i = 0;
        if (Vector512.IsHardwareAccelerated && length >= 64)
        {
            var wide = Vector512.Create(key).AsByte();
            for (; i + 64 <= length; i += 64)
                (Vector512.LoadUnsafe(ref source, i) ^ wide).StoreUnsafe(ref destination, i);
        }

        if (Vector256.IsHardwareAccelerated && length - i >= 32)
        {
            var wide = Vector256.Create(key).AsByte();
            for (; i + 128 <= length; i += 128)
            {
                Vector256<byte> a = Vector256.LoadUnsafe(ref source, i) ^ wide;
                Vector256<byte> b = Vector256.LoadUnsafe(ref source, i + 32) ^ wide;
                Vector256<byte> c = Vector256.LoadUnsafe(ref source, i + 64) ^ wide;
                Vector256<byte> d = Vector256.LoadUnsafe(ref source, i + 96) ^ wide;
                a.StoreUnsafe(ref destination, i);
                b.StoreUnsafe(ref destination, i + 32);
                c.StoreUnsafe(ref destination, i + 64);
                d.StoreUnsafe(ref destination, i + 96);
            }

            for (; i + 32 <= length; i += 32)
                (Vector256.LoadUnsafe(ref source, i) ^ wide).StoreUnsafe(ref destination, i);
        }

        if (Vector128.IsHardwareAccelerated)
        {
            var wide = Vector128.Create(key).AsByte();
            for (; i + 16 <= length; i += 16)
                (Vector128.LoadUnsafe(ref source, i) ^ wide).StoreUnsafe(ref destination, i);
        }

        ulong twice = key | ((ulong)key << 32);
        for (; i + 8 <= length; i += 8)
        {
            ulong eight = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref source, i)) ^ twice;
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref destination, i), eight);
        }

        if (i + 4 <= length)
        {
            uint four = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref source, i)) ^ key;
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref destination, i), four);
            i += 4;
        }

        uint rest = key;
        for (; i < length; i++)
            Unsafe.Add(ref destination, i) = (byte)(Unsafe.Add(ref source, i) ^ Unsafe.Add(ref Unsafe.As<uint, byte>(ref rest), i & 3));
    }
}
