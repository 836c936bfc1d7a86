using Sockeye.Testing;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Every session gives the same events, whole, byte by byte, cut anywhere, and received directly; the same again when it is read in
/// pieces, which are joined.</summary>
public sealed class ReplayTests
{
    private const int EveryPair = 80;
    private const int EveryCut = 2_000;

    private static readonly Dictionary<string, Session> Sessions = SessionTable.All.Concat(SessionTable.Long).Concat(CompressedSessions.All).ToDictionary(session => session.Name);

    public static TheoryData<string, Role> Rows =>
        [.. from session in Sessions.Values from role in Enum.GetValues<Role>() select (session.Name, role)];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Session_cut_in_any_way_gives_the_same_events(string name, Role receiver) => Replay(Sessions[name], receiver);

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public void Samples_of_UTF8_cut_in_any_way_give_the_same_events(Role receiver)
    {
        foreach (Session session in SessionTable.Utf8)
            Replay(session, receiver);
    }

    private static void Replay(Session session, Role receiver)
    {
        byte[] wire = session.ToBytes(receiver, out List<int> starts);
        Seen[] expected = [.. session.Expected.Select(seen => seen == SessionTable.WrongMask
            ? Seen.Broken(receiver == Role.Server ? Rule.ClientFrameMustBeMasked : Rule.ServerFrameMustNotBeMasked)
            : seen)];

        var pool = new CountingPool(trace: false);
        Check([wire.Length], "whole");
        Check([.. Enumerable.Range(1, wire.Length)], "byte by byte");
        foreach (int cut in Cuts(wire.Length, starts))
            Check([cut, wire.Length], $"cut at {cut}");
        for (int first = 0; first <= wire.Length && wire.Length <= EveryPair; first++)
        {
            for (int second = first + 1; second <= wire.Length; second++)
                Check([first, second, wire.Length], $"cut at {first} and {second}");
        }

        var random = new Random(1);
        for (int round = 0; round < 20; round++)
        {
            int piece = 1 + (wire.Length / 1000) + random.Next(round % 2 == 0 ? 10 : 1 + (wire.Length / 3));
            int minimum = 1 + random.Next(round % 3 == 0 ? 1 : 20);
            List<int> ends = [];
            for (int at = 0; at < wire.Length; at += 1 + random.Next(piece))
                ends.Add(at);
            Check([.. ends, wire.Length], $"directly, round {round}", minimum);
        }

        void Check(int[] ends, string how, int directMinimum = 0)
        {
            foreach (bool inPieces in (bool[])[false, true])
            {
                NaiveMessageInflater? inflater = session.TakesOver is { } takesOver ? new(takesOver) : null;
                IReadOnlyList<Seen> events = Player.Play(receiver, wire, ends, session.Limits, directMinimum, pool, inflater, inPieces);
                if (!expected.SequenceEqual(events))
                    Assert.Fail($"{session.Name} for a {receiver}, {how}{(inPieces ? ", in pieces" : "")}: {string.Join("; ", events)} instead of {string.Join("; ", expected)}");
            }
        }
    }

    // Everywhere in a short session; around the header of each frame, and here and there, in a long one.
    private static IEnumerable<int> Cuts(int length, List<int> starts)
    {
        if (length <= EveryCut)
            return Enumerable.Range(0, length + 1);
        var random = new Random(2);
        return starts.Take(5).SelectMany(start => Enumerable.Range(start, 18)).Where(cut => cut <= length)
            .Concat(Enumerable.Range(0, 20).Select(_ => random.Next(length)))
            .Concat(Enumerable.Range(length - 20, 20));
    }
}
