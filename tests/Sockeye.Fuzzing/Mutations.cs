namespace Sockeye.Fuzzing;

/// <summary>Breaks a session in ways that know its structure, or do not.</summary>
internal sealed class Mutations(Dice dice, List<Frame> frames)
{
    private static readonly ulong[] EdgeLengths =
    [
        0, 1, 125, 126, 127, 65_535, 65_536, 65_537, (1UL << 31) - 1, 1UL << 31, (1UL << 31) + 1, (1UL << 32) - 1, 1UL << 32,
        (1UL << 32) + 1, (1UL << 63) - 1, 1UL << 63, (1UL << 63) + 1, ulong.MaxValue,
    ];

    private static readonly int[] CloseCodes =
        [0, 1, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1014, 1015, 1016, 1100, 2000, 2999, 3000, 4999, 5000, 65_535];

    // One of each kind in RFC 3629: overlong, surrogate, beyond the last plane, no lead, lone continuation, cut off.
    private static readonly byte[][] NotUtf8 =
    [
        [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
        [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xFE], [0x80], [0xBF], [0xC2], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
    ];

    public void MutateFrames()
    {
        for (int i = dice.Within(1, 3); i > 0 && frames.Count > 0; i--)
            MutateFrame(dice.Below(frames.Count));
    }

    public void MutateBytes(List<byte> wire)
    {
        for (int i = dice.Within(1, 3); i > 0 && wire.Count > 0; i--)
        {
            int at = dice.Below(dice.Happens(50) ? Math.Min(16, wire.Count) : wire.Count);
            switch (dice.Below(5))
            {
                case 0:
                    wire[at] ^= (byte)(1 << dice.Below(8));
                    break;
                case 1:
                    wire[at] = dice.Bytes(1)[0];
                    break;
                case 2:
                    wire.RemoveAt(at);
                    break;
                case 3:
                    wire.Insert(at, dice.Bytes(1)[0]);
                    break;
                default:
                    wire.RemoveRange(at, wire.Count - at);
                    break;
            }
        }
    }

    private void MutateFrame(int at)
    {
        Frame frame = frames[at];
        ulong length = (ulong)frame.Payload.Length;
        switch (dice.Below(16))
        {
            case 0:
                frames[at] = frame with { First = frame.First ^ Frame.Fin };
                break;
            case 1:
                frames[at] = frame with { First = frame.First ^ (0x10 << dice.Below(3)) };
                break;
            case 2:
                frames[at] = frame with { First = (frame.First & 0xF0) | dice.Below(16) };
                break;
            case 3:
                frames[at] = frame with { IsMaskWrong = true };
                break;
            case 4:
                frames[at] = frame with { Declared = dice.Of<ulong>(EdgeLengths) };
                break;
            case 5:
                frames[at] = frame with { LengthBits = dice.Of([16, 64]) };
                break;
            case 6:
                frames[at] = frame with { Declared = dice.Happens(50) ? length + 1 : Math.Max(length, 1) - 1 };
                break;
            case 7:
                frames.Insert(at, MakeControl());
                break;
            case 8:
                int other = dice.Below(frames.Count);
                (frames[at], frames[other]) = (frames[other], frames[at]);
                break;
            case 9:
                frames.Insert(at, frame);
                break;
            case 10:
                frames.RemoveAt(at);
                break;
            case 11:
                frames.Insert(dice.Below(frames.Count + 1), MakeCloseOfAnyBody());
                break;
            case 12:
            case 13:
                MutatePayload(at, dice.Of<byte[]>(NotUtf8));
                break;
            case 14:
                MutatePayload(at, []);
                break;
            default:
                // What ends too early, which is a dropped tail where it is compressed, or goes on after its end.
                byte[] payload = dice.Happens(70) ? frame.Payload[..dice.Below(frame.Payload.Length + 1)] : [.. frame.Payload, .. dice.Bytes(3)];
                frames[at] = frame with { Payload = payload };
                break;
        }
    }

    /// <summary>Puts bytes into a payload, or flips one of its bits, the first ones of which are flags where it is compressed.</summary>
    private void MutatePayload(int frame, byte[] inserted)
    {
        byte[] payload = [.. frames[frame].Payload];
        int at = dice.Below(payload.Length + 1);
        if (inserted.Length > 0)
            payload = [.. payload[..at], .. inserted, .. payload[at..]];
        else if (payload.Length > 0)
            payload[dice.Happens(30) ? 0 : at % payload.Length] ^= (byte)(1 << dice.Below(8));
        frames[frame] = frames[frame] with { Payload = payload };
    }

    private Frame MakeControl() => new(
        (dice.Happens(80) ? Frame.Fin : 0) | dice.Of([Frame.Ping, Frame.Ping, Frame.Pong, Frame.Close]),
        dice.Bytes(dice.Happens(30) ? dice.Within(124, 127) : dice.Below(5)));

    private Frame MakeCloseOfAnyBody()
    {
        int code = dice.Of<int>(CloseCodes);
        byte[] reason = dice.Below(5) switch
        {
            0 => dice.Of<byte[]>(NotUtf8),
            1 => [.. Enumerable.Repeat((byte)'x', dice.Within(122, 124))],
            2 => [.. Enumerable.Repeat((byte)0xFF, dice.Within(1, 123))],
            _ => [],
        };
        return new Frame(Frame.Fin | Frame.Close, dice.Happens(20) ? dice.Bytes(dice.Below(3)) : [(byte)(code >> 8), (byte)code, .. reason]);
    }
}
