using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Groups 12 and 13: permessage-deflate (RFC 7692), with data of five kinds and with seven sets of parameters.</summary>
internal static class Group12And13
{
    private const int LargestSearched = 8192;

    private static readonly (int Size, int FragmentSize, int Limit)[] Shapes =
    [
        (16, 0, 60), (64, 0, 60), (256, 0, 120), (1024, 0, 240), (4096, 0, 480),
        (8192, 0, 480), (16384, 0, 480), (32768, 0, 480), (65536, 0, 480), (131072, 0, 480),
        (8192, 256, 480), (16384, 256, 480), (32768, 256, 480), (65536, 256, 480), (131072, 256, 480),
        (131072, 1024, 480), (131072, 4096, 480), (131072, 32768, 480),
    ];

    private static readonly DeflateTerms[] Parameters =
    [
        new(new DeflateWish()),
        new(new DeflateWish(NoContextTakeover: true)),
        new(new DeflateWish(WindowBits: 9)),
        new(new DeflateWish(WindowBits: 15)),
        new(new DeflateWish(NoContextTakeover: true, WindowBits: 9)),
        new(new DeflateWish(NoContextTakeover: true, WindowBits: 15)),
        new(new DeflateWish(NoContextTakeover: true, WindowBits: 9), new DeflateWish(NoContextTakeover: true), new DeflateWish()),
    ];

    /// <summary>Makes the cases.</summary>
    /// <param name="messages">How many messages each sends.</param>
    public static IEnumerable<ConformanceCase> Create(int messages) => [.. Data(messages), .. Negotiated(messages)];

    private static IEnumerable<ConformanceCase> Data(int messages)
    {
        var terms = new DeflateTerms(new DeflateWish { HintsNoContextTakeover = true });
        for (int data = 0; data < SampleData.All.Count; data++)
        {
            for (int shape = 0; shape < Shapes.Length; shape++)
                yield return Of($"12.{data + 1}.{shape + 1}", SampleData.All[data], shape, terms, messages);
        }
    }

    private static IEnumerable<ConformanceCase> Negotiated(int messages)
    {
        for (int parameters = 0; parameters < Parameters.Length; parameters++)
        {
            for (int shape = 0; shape < Shapes.Length; shape++)
                yield return Of($"13.{parameters + 1}.{shape + 1}", SampleData.Json, shape, Parameters[parameters], messages);
        }
    }

    private static ConformanceCase Of(string id, SampleData data, int shape, DeflateTerms terms, int messages)
    {
        (int size, int fragmentSize, int limit) = Shapes[shape];
        string unit = data.IsText ? "characters" : "bytes";
        string fragments = fragmentSize == 0 ? "" : $" in fragments of {fragmentSize} bytes";
        string offer = id.StartsWith("13.", StringComparison.Ordinal) ? $", {string.Join(", ", terms.Offers)}" : "";
        return new ConformanceCase
        {
            Id = id,
            Title = $"{messages} compressed messages of {size} {unit} of {data.Name}{fragments}{offer}",
            Section = "RFC 7692, section 7.2",
            Script = Messages.RoundTrips(data.IsText ? Opcode.Text : Opcode.Binary, i => data.Window(i, size), messages, fragmentSize),
            Close = CloseExpectation.BySuite,
            Limit = CaseLimit.CloseAfter(limit),
            CountsMessagesAlone = true,
            Deflate = terms,
            // Most bytes are in the fragmented cases: there the fastest level, which has fixed codes alone, elsewhere codes for the data.
            DeflateLevel = fragmentSize == 0 ? 2 : 1,
            // A search goes through every bit. These messages are less than a fiftieth of all, and refer beyond the windows asked for.
            ChecksWindow = fragmentSize == 0 && size <= LargestSearched,
        };
    }
}
