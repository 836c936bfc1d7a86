using System.IO.Compression;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Group 28: the largest message that the endpoint takes, and messages that grow beyond it, which end with 1009 or a drop (RFC 6455,
/// section 10.4).</summary>
internal static class Group28
{
    /// <summary>The largest limit with which the group can be played.</summary>
    public const int LargestLimit = 32 * 1024 * 1024;

    // What is played where nobody says what the limit is: then the cases only show what the endpoint does.
    private const int AssumedLimit = 16 * 1024 * 1024;
    private const int BombFactor = 8;

    /// <summary>Makes the cases.</summary>
    /// <param name="limit">The largest message of the endpoint in bytes; null where it is not known.</param>
    public static IEnumerable<ConformanceCase> Create(int? limit)
    {
        int largest = limit ?? AssumedLimit;
        Payload whole = Payload.Repeat('*', largest);
        SendFrame fragment = new(Opcode.Binary, whole) { IsFinal = false };
        SendFrame last = new(Opcode.Continuation, Payload.Repeat('*', 1));

        ConformanceCase[] cases =
        [
            OwnCase.Answered("28.1.1", $"Message of the {largest} bytes that are allowed", "6455, section 10.4",
                [new SendFrame(Opcode.Binary, whole)], PeerEvent.Binary(whole)),
            OwnCase.Answered("28.1.2", $"Compressed message of the {largest} bytes that are allowed", "6455, section 10.4",
                [new SendMessage(Opcode.Binary, whole)], PeerEvent.Binary(whole)) with { Deflate = OwnCase.AnyDeflate },
            Refused("28.2.1", $"Header of a message of {largest + 1} bytes", [new SendHeader(Opcode.Binary, (ulong)largest + 1)]),
            Refused("28.2.2", "Header of a message of 2^62 bytes", [new SendHeader(Opcode.Binary, 1UL << 62)]),
            Refused("28.2.3", $"Fragments of {largest} bytes and of 1 byte", [fragment, last]),
            Refused("28.2.4", $"Fragment of {largest} bytes, then the header of a longer one",
                [fragment, new SendHeader(Opcode.Continuation, 1UL << 40)]),
            Refused("28.3.1", $"Compressed message of {largest + 1} bytes", Bomb(largest + 1, 1)) with { Deflate = OwnCase.AnyDeflate },
            Refused("28.3.2", $"Bomb of {BombFactor} times {largest} bytes", Bomb((long)largest * BombFactor, 1)) with { Deflate = OwnCase.AnyDeflate },
            Refused("28.3.3", $"Bomb of {BombFactor} times {largest} bytes in 16 fragments", Bomb((long)largest * BombFactor, 16)) with
            {
                Deflate = OwnCase.AnyDeflate,
            },
        ];
        return cases.Select(one => one with { IsInformational = limit is null, IsSurvived = true, Limit = CaseLimit.FailAfter(10) });
    }

    private static ConformanceCase Refused(string id, string title, IEnumerable<CaseStep> script) =>
        OwnCase.Refused(id, title, "6455, section 10.4", [1009], script);

    /// <summary>Sends zeros that are small while they are compressed.</summary>
    private static IEnumerable<CaseStep> Bomb(long length, int fragments)
    {
        byte[] compressed = Compress(length);
        int size = (compressed.Length + fragments - 1) / fragments;
        for (int start = 0; start < compressed.Length; start += size)
        {
            yield return new SendFrame(start == 0 ? Opcode.Binary : Opcode.Continuation,
                Payload.Of(compressed.AsMemory(start, Math.Min(size, compressed.Length - start))))
            {
                IsFinal = start + size >= compressed.Length,
                Rsv = start == 0 ? 4 : 0,
            };
        }
    }

    private static byte[] Compress(long length)
    {
        byte[] zeros = new byte[64 * 1024];
        var compressed = new MemoryStream();
        using var deflate = new DeflateStream(compressed, CompressionLevel.Optimal);
        for (; length > 0; length -= zeros.Length)
            deflate.Write(zeros, 0, (int)Math.Min(length, zeros.Length));
        deflate.Flush();
        return compressed.ToArray()[..^4]; // the tail is left away (RFC 7692, section 7.2.1)
    }
}
