using System.IO.Compression;

namespace Sockeye.Fuzzing;

/// <summary>Writes the compressed payload of a message block by block (RFC 1951), in ways that no compressor would choose.</summary>
internal sealed class DeflateBlocks(Dice dice, bool isText, int history)
{
    private static readonly int[] LengthCodes = [257, 258, 264, 265, 270, 284, 285];

    private readonly List<byte> _bytes = [];
    private int _bits;
    private int _output;

    /// <summary>Gets how many bytes the message has once it is inflated.</summary>
    public int Output => _output;

    /// <summary>Writes a message of a few blocks of any type.</summary>
    public byte[] Write()
    {
        for (int blocks = dice.Below(4); blocks > 0; blocks--)
        {
            bool isFinal = dice.Happens(10);
            switch (dice.Below(isFinal ? 2 : 4))
            {
                case 0:
                    Stored(isFinal);
                    break;
                case 3:
                    Dynamic();
                    break;
                default:
                    Fixed(isFinal);
                    break;
            }

            if (isFinal)
                Align();
        }

        // The header of an empty stored block, the rest of which is the tail that the sender drops (RFC 7692, section 7.2.1).
        Bits(0, 3);
        Align();
        return [.. _bytes];
    }

    /// <summary>Writes a message of nothing but the longest matches: a thousand times as long as its wire.</summary>
    public byte[] WriteBomb(int matches)
    {
        Bits(0b010, 3);
        Literal('b');
        for (; matches > 0; matches--)
            Match(285, 0);
        EndOfBlock();
        Bits(0, 3);
        Align();
        return [.. _bytes];
    }

    private void Stored(bool isFinal)
    {
        byte[] data = Data(dice.Happens(20) ? 0 : dice.Below(30));
        Bits(isFinal ? 1 : 0, 3);
        Align();
        _bytes.AddRange([(byte)data.Length, (byte)(data.Length >> 8), (byte)~data.Length, (byte)(~data.Length >> 8), .. data]);
        _output += data.Length;
    }

    private void Fixed(bool isFinal)
    {
        Bits(isFinal ? 0b011 : 0b010, 3);
        for (int symbols = dice.Below(20); symbols > 0; symbols--)
        {
            int room = Math.Min(history + _output, 32_768);
            if (room > 0 && dice.Happens(25))
                Match(dice.Of<int>(LengthCodes), dice.Below(Distances(room)));
            else
                Literal(Data(1)[0]);
        }

        EndOfBlock();
    }

    /// <summary>Writes blocks as the framework's compressor makes them; they refer to nothing before them.</summary>
    private void Dynamic()
    {
        // Few letters, unevenly: worth a code of its own.
        byte[] data = new byte[dice.Within(60, 300)];
        for (int i = 0; i < data.Length; i++)
            data[i] = (byte)("eeeeetttaaoin"[dice.Below(13)] + (dice.Happens(3) ? 1 : 0));
        Bits(0, 3);
        Align();
        _bytes.AddRange([0x00, 0x00, 0xFF, 0xFF]);
        var compressed = new MemoryStream();
        using (var stream = new DeflateStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            stream.Write(data);
            stream.Flush();
            _bytes.AddRange(compressed.ToArray());
        }

        _output += data.Length;
    }

    // How many symbols have distances within the room.
    private static int Distances(int room)
    {
        int symbols = 0;
        for (int distance = 1; distance <= room && symbols < 30; symbols++)
            distance += 1 << Math.Max(0, (symbols / 2) - 1);
        return symbols;
    }

    private byte[] Data(int count)
    {
        byte[] data = dice.Bytes(count);
        for (int i = 0; isText && i < count; i++)
            data[i] &= 0x7F;
        return data;
    }

    private void Literal(int value)
    {
        if (value < 144)
            Code(0x30 + value, 8);
        else
            Code(0x190 + value - 144, 9);
        _output++;
    }

    private void Match(int lengthCode, int distanceCode)
    {
        if (lengthCode < 280)
            Code(lengthCode - 256, 7);
        else
            Code(0xC0 + lengthCode - 280, 8);
        int extra = lengthCode is < 265 or 285 ? 0 : (lengthCode - 261) / 4;
        Bits(0, extra);
        Code(distanceCode, 5);
        Bits(0, Math.Max(0, (distanceCode / 2) - 1));
        _output += lengthCode switch { < 265 => lengthCode - 254, 265 => 11, 270 => 23, 284 => 227, _ => 258 };
    }

    private void EndOfBlock() => Code(0, 7);

    // Huffman codes begin with their most significant bit, everything else with the least.
    private void Code(int value, int count)
    {
        for (int i = count - 1; i >= 0; i--)
            Bits(value >> i, 1);
    }

    private void Bits(int value, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (_bits == 0)
                _bytes.Add(0);
            _bytes[^1] |= (byte)(((value >> i) & 1) << _bits);
            _bits = (_bits + 1) % 8;
        }
    }

    private void Align() => _bits = 0;
}
