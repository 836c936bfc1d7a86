using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Groups 9 and 10: large messages, many fragments, many small writes, many round trips.</summary>
internal static class Group9And10
{
    private const int KiB = 1024;
    private const int MiB = 1024 * KiB;

    private static readonly Opcode[] Kinds = [Opcode.Text, Opcode.Binary];
    private static readonly byte[] TextPattern = "BAsd7&jh23"u8.ToArray();
    private static readonly byte[] BinaryPattern = [0x00, 0xFE, 0x23, 0xFA, 0xF0];

    public static IEnumerable<ConformanceCase> Create(int roundTrips) =>
        [.. Large(), .. InFragments(), .. Chopped(), .. Sequential(roundTrips), AutoFragmented()];

    private static IEnumerable<ConformanceCase> Large()
    {
        foreach (Opcode opcode in Kinds)
        {
            int[] sizes = [64 * KiB, 256 * KiB, MiB, 4 * MiB, 8 * MiB, 16 * MiB];
            for (int i = 0; i < sizes.Length; i++)
            {
                bool isLong = opcode == Opcode.Text ? sizes[i] >= MiB : sizes[i] >= 8 * MiB;
                Payload payload = Pattern(opcode, sizes[i]);
                yield return Of(opcode == Opcode.Text ? 1 : 2, i, $"{opcode} of {Size(sizes[i])} in one frame", isLong ? 100 : 10,
                    [new SendFrame(opcode, payload)], Echo(opcode, payload));
            }
        }
    }

    private static IEnumerable<ConformanceCase> InFragments()
    {
        foreach (Opcode opcode in Kinds)
        {
            Payload payload = opcode == Opcode.Text ? Payload.Repeat('*', 4 * MiB) : Pattern(opcode, 4 * MiB);
            int[] sizes = [64, 256, KiB, 4 * KiB, 16 * KiB, 64 * KiB, 256 * KiB, MiB, 4 * MiB];
            for (int i = 0; i < sizes.Length; i++)
            {
                yield return Of(opcode == Opcode.Text ? 3 : 4, i, $"{opcode} of 4 MiB in fragments of {Size(sizes[i])}", 100,
                    [new SendMessage(opcode, payload, sizes[i])], Echo(opcode, payload));
            }
        }
    }

    private static IEnumerable<ConformanceCase> Chopped()
    {
        foreach (Opcode opcode in Kinds)
        {
            Payload payload = Pattern(opcode, MiB);
            int[] sizes = [64, 128, 256, 512, 1024, 2048];
            for (int i = 0; i < sizes.Length; i++)
            {
                yield return Of(opcode == Opcode.Text ? 5 : 6, i, $"{opcode} of 1 MiB in one frame, in chops of {sizes[i]} bytes", 1000,
                    [new SendFrame(opcode, payload) { Chop = sizes[i] }], Echo(opcode, payload));
            }
        }
    }

    private static IEnumerable<ConformanceCase> Sequential(int roundTrips)
    {
        foreach (Opcode opcode in Kinds)
        {
            (int Size, int Limit)[] sizes = [(0, 60), (16, 60), (64, 60), (256, 120), (1024, 240), (4096, 480)];
            for (int i = 0; i < sizes.Length; i++)
            {
                (int size, int limit) = sizes[i];
                yield return Of(opcode == Opcode.Text ? 7 : 8, i, $"{roundTrips} round trips of {size} bytes, {opcode.ToString().ToLowerInvariant()}",
                    limit, Messages.RoundTrips(opcode, _ => Pattern(opcode, size), roundTrips));
            }
        }
    }

    private static ConformanceCase AutoFragmented()
    {
        Payload payload = Payload.Repeat('*', 65536);
        return new ConformanceCase
        {
            Id = "10.1.1",
            Title = "Text of 65536 bytes in 51 fragments of at most 1300",
            Section = "RFC 6455, section 5.4",
            Script = [new SendMessage(Opcode.Text, payload, 1300)],
            Expected = [PeerEvent.Text(payload)],
            Close = CloseExpectation.BySuite,
            Limit = CaseLimit.FailAfter(10),
        };
    }

    private static Payload Pattern(Opcode opcode, int length) =>
        Payload.Repeat(opcode == Opcode.Text ? TextPattern : BinaryPattern, length);

    private static PeerEvent Echo(Opcode opcode, Payload payload) => opcode == Opcode.Text ? PeerEvent.Text(payload) : PeerEvent.Binary(payload);

    private static string Size(int bytes) => bytes switch
    {
        >= MiB => $"{bytes / MiB} MiB",
        >= KiB => $"{bytes / KiB} KiB",
        _ => $"{bytes} bytes",
    };

    private static ConformanceCase Of(
        int family, int index, string title, int seconds, IEnumerable<CaseStep> script, params IReadOnlyList<PeerEvent> expected) => new()
    {
        Id = $"9.{family}.{index + 1}",
        Title = title,
        Section = "RFC 6455, section 5.2",
        Script = script,
        Expected = expected,
        Close = CloseExpectation.BySuite,
        Limit = CaseLimit.CloseAfter(seconds),
        CountsMessagesAlone = true,
    };
}
