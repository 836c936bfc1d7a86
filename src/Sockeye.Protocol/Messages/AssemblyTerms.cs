using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sockeye.Protocol;

/// <summary>What all assemblers of one role with the same limits share, and what can be read without one: frames that are whole, final,
/// shorter than 64 KiB and alone, as most are.</summary>
internal sealed class AssemblyTerms
{
    // A header with a 16-bit length and a key.
    private const int SmallestSettled = 8;

    private readonly int _maskBit;
    private readonly int _maskSize;

    public AssemblyTerms(Role role, ProtocolLimits limits, ArrayPool<byte> pool, bool inPieces)
    {
        Role = role;
        (_maskBit, _maskSize) = role == Role.Server ? (FrameHeader.MaskBit, 4) : (0, 0);
        Pool = pool;
        ChecksUtf8 = !limits.SkipUtf8Validation;
        InPieces = inPieces;
        long largest = inPieces ? long.MaxValue : Array.MaxLength;
        MaxMessageSize = limits.MaxMessageSize is 0 ? largest : Math.Min(limits.MaxMessageSize, largest);
        MaxFragments = limits.MaxFragments is 0 ? int.MaxValue : limits.MaxFragments;
    }

    /// <summary>Gets the side that receives.</summary>
    public Role Role { get; }

    /// <summary>Gets where arrays are rented.</summary>
    public ArrayPool<byte> Pool { get; }

    /// <summary>Gets whether messages are handed out in pieces, and never gathered.</summary>
    public bool InPieces { get; }

    public bool ChecksUtf8 { get; }

    public long MaxMessageSize { get; }

    public int MaxFragments { get; }

    /// <summary>Reads a message that begins a block and needs no state. Nothing may have been read of a message before.</summary>
    /// <param name="block">What has arrived; what is consumed is unmasked in place.</param>
    /// <param name="consumed">How many bytes were used.</param>
    /// <param name="received">The message, or the violation that its text is.</param>
    /// <returns>False where nothing was read: an assembler must.</returns>
    public bool TryReadWhole(Span<byte> block, out int consumed, out ReceivedEvent received)
    {
        if (block.Length >= SmallestSettled)
        {
            ref byte start = ref MemoryMarshal.GetReference(block);
            int opcode = start - FrameHeader.FinBit;
            int length = Unsafe.Add(ref start, 1) ^ _maskBit; // more than 127 where the mask bit is wrong
            int size = 2 + _maskSize;
            bool isMinimal = length <= FrameHeader.MaxControlPayload;
            if (length == 126)
            {
                length = BinaryPrimitives.ReadUInt16BigEndian(block[2..]);
                size += 2;
                isMinimal = length > FrameHeader.MaxControlPayload;
            }

            if (opcode is (int)Opcode.Text or (int)Opcode.Binary
                && isMinimal
                && length + size <= block.Length
                && length <= MaxMessageSize)
            {
                Span<byte> payload = block.Slice(size, length);
                if (_maskSize > 0)
                    Masking.Apply(payload, Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref start, size - 4)));
                consumed = length + size;
                received = opcode == (int)Opcode.Binary || !ChecksUtf8 || Utf8Text.IsValid(payload)
                    ? new ReceivedEvent((ReceivedEventKind)opcode, size, length)
                    : new ReceivedEvent(Violation.Of(Rule.TextMustBeUtf8));
                return true;
            }
        }

        consumed = 0;
        received = default;
        return false;
    }
}
