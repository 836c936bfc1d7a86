using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text;
using System.Text.Unicode;

namespace Sockeye.Protocol;

/// <summary>Checks whole texts as <see cref="Utf8.IsValid"/> does, in a time that hardly depends on the script.</summary>
/// <remarks>The framework is fast where there is nothing but ASCII; text of two to four bytes a character it takes one by one. Here 16 bytes
/// are judged at once: three tables of 16 entries tell for each byte and the one before it what they cannot be a part of (J. Keiser and
/// D. Lemire, "Validating UTF-8 in less than one instruction per byte", 2021).</remarks>
internal static class Utf8Text
{
    private const int Width = 16;
    private const int Block = 2 * Width;

    // What two bytes in a row may be, one bit each: wrong where all three tables say so.
    private const byte Unfinished = 0x01; // a lead, and no continuation
    private const byte Unasked = 0x02; // ASCII, and a continuation
    private const byte Overlong3 = 0x04; // E0 80–9F
    private const byte TooLarge = 0x08; // F4 90–BF; F5–FF 90–BF
    private const byte Surrogate = 0x10; // ED A0–BF
    private const byte Overlong2 = 0x20; // C0–C1
    private const byte Overlong4 = 0x40; // F0 80–8F; F5–FF 80–8F, which is too large
    private const byte Further = 0x80; // two continuations: right where a lead two or three bytes before asks for the second one

    // What does not depend on the low half of the first byte, and what does not on that of a continuation.
    private const byte AnyLow = Unfinished | Unasked | Further;
    private const byte AnyContinuation = Unasked | Overlong2 | Further;
    private const byte BeyondF4 = AnyLow | TooLarge | Overlong4;

    private const byte None = 0xFF;

    /// <summary>Tells whether bytes are valid UTF-8 (RFC 3629), which ends with a whole code point.</summary>
    public static bool IsValid(ReadOnlySpan<byte> text)
    {
        if (!Vector128.IsHardwareAccelerated || text.Length < Block + 3)
            return Utf8.IsValid(text);
        return Ascii.IsValid(text) || IsValidLong(text);
    }

    private static bool IsValidLong(ReadOnlySpan<byte> text)
    {
        ref byte start = ref MemoryMarshal.GetReference(text);

        // Nothing precedes the first vector.
        Vector128<byte> first = Vector128.LoadUnsafe(ref start);
        Vector128<byte> wrong = FindWrong(
            first,
            Vector128.Shuffle(first, Vector128.Create(None, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)),
            Vector128.Shuffle(first, Vector128.Create(None, None, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)),
            Vector128.Shuffle(first, Vector128.Create(None, None, None, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)));

        // The last block may overlap the one before it.
        int last = text.Length - Block;
        for (int i = Width; i < last; i += Block)
            wrong |= FindWrong(ref Unsafe.Add(ref start, i));
        wrong |= FindWrong(ref Unsafe.Add(ref start, last));

        bool isComplete = text[^1] < 0xC0 && text[^2] < 0xE0 && text[^3] < 0xF0;
        return isComplete && wrong == Vector128<byte>.Zero;
    }

    /// <summary>Finds what is wrong with a block, with regard to the three bytes before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> FindWrong(ref byte block)
    {
        Vector128<byte> one = Vector128.LoadUnsafe(ref block);
        Vector128<byte> other = Vector128.LoadUnsafe(ref block, Width);
        Vector128<byte> beforeOne = Vector128.LoadUnsafe(ref Unsafe.Subtract(ref block, 3));
        if (((one | other | beforeOne) & Vector128.Create((byte)0x80)) == Vector128<byte>.Zero)
            return default;

        return FindWrong(one, Vector128.LoadUnsafe(ref Unsafe.Subtract(ref block, 1)), Vector128.LoadUnsafe(ref Unsafe.Subtract(ref block, 2)), beforeOne)
            | FindWrong(
                other,
                Vector128.LoadUnsafe(ref block, Width - 1),
                Vector128.LoadUnsafe(ref block, Width - 2),
                Vector128.LoadUnsafe(ref block, Width - 3));
    }

    /// <summary>Finds what is wrong with each byte of a vector.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="before">The bytes one before each of them.</param>
    /// <param name="before2">The bytes two before.</param>
    /// <param name="before3">The bytes three before.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> FindWrong(Vector128<byte> bytes, Vector128<byte> before, Vector128<byte> before2, Vector128<byte> before3)
    {
        // By the high half of the first byte: 0–7 ASCII, 8–B continuations, C–F leads.
        var byHigh = Vector128.Create(
            Unasked, Unasked, Unasked, Unasked, Unasked, Unasked, Unasked, Unasked,
            Further, Further, Further, Further,
            Unfinished | Overlong2,
            Unfinished,
            Unfinished | Overlong3 | Surrogate,
            Unfinished | TooLarge | Overlong4);

        // By its low half.
        var byLow = Vector128.Create(
            AnyLow | Overlong2 | Overlong3 | Overlong4,
            AnyLow | Overlong2,
            AnyLow,
            AnyLow,
            AnyLow | TooLarge,
            BeyondF4, BeyondF4, BeyondF4, BeyondF4, BeyondF4, BeyondF4, BeyondF4, BeyondF4,
            (byte)(BeyondF4 | Surrogate),
            BeyondF4, BeyondF4);

        // By the high half of the second byte.
        var bySecond = Vector128.Create(
            Unfinished, Unfinished, Unfinished, Unfinished, Unfinished, Unfinished, Unfinished, Unfinished,
            AnyContinuation | Overlong3 | Overlong4,
            AnyContinuation | Overlong3 | TooLarge,
            AnyContinuation | Surrogate | TooLarge,
            AnyContinuation | Surrogate | TooLarge,
            Unfinished, Unfinished, Unfinished, Unfinished);

        Vector128<byte> wrong = Vector128.ShuffleNative(byHigh, before >> 4)
            & Vector128.ShuffleNative(byLow, before & Vector128.Create((byte)0x0F))
            & Vector128.ShuffleNative(bySecond, bytes >> 4);

        // The highest bit is set where a lead two or three bytes before asks for a continuation: there must be a further one, and nowhere else.
        Vector128<byte> asked = Vector128.SubtractSaturate(before2, Vector128.Create((byte)(0xE0 - 0x80)))
            | Vector128.SubtractSaturate(before3, Vector128.Create((byte)(0xF0 - 0x80)));
        return wrong ^ (asked & Vector128.Create((byte)0x80));
    }
}
