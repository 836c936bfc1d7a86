using System.Collections.Concurrent;
using System.Text;

namespace Sockeye.Fuzzing;

/// <summary>Plays sessions and compares what the receivers see with <see cref="SpecModel"/>, however the bytes are cut.</summary>
/// <param name="subject">The receiver on the bare core of the protocol.</param>
/// <param name="enginePercent">How many sessions in a hundred the engine plays as well.</param>
public sealed class Fuzzer(AssemblerSubject subject, int enginePercent = 0)
{
    private const int EverySplit = 64;
    private const int EnoughDisagreements = 5;
    private const int MostChecks = 3_000;

    /// <summary>Plays sessions of consecutive seeds on all processors.</summary>
    /// <param name="seed">The seed of the first session.</param>
    /// <param name="sessions">How many are played, unless too many disagree before.</param>
    public async Task<FuzzReport> RunAsync(long seed, int sessions)
    {
        var report = new FuzzReport();
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Task.Run(async () =>
        {
            var engine = new EngineSubject();
            for (int i; (i = Interlocked.Increment(ref next)) < sessions && report.Disagreements.Count < EnoughDisagreements;)
            {
                Session session = SessionGenerator.Make(seed + i);
                bool isForEngine = new Dice(~session.Seed).Happens(enginePercent);
                Outcome model = SpecModel.Judge(session.Terms, session.Wire);
                report.Count(session, model, isForEngine);
                if (model.IsUndecided)
                    continue;
                string? difference = Check(session, model)
                    ?? (isForEngine ? await CheckEngineAsync(engine, session).ConfigureAwait(false) : null);
                if (difference is null)
                    continue;
                report.Disagreements.Add(new Disagreement(session, difference));
                engine = new EngineSubject();
            }
        }))).ConfigureAwait(false);
        return report;
    }

    /// <summary>Plays one session in every way.</summary>
    /// <returns>What differs from the model; null where nothing does.</returns>
    public async Task<string?> CheckAsync(Session session)
    {
        Outcome model = SpecModel.Judge(session.Terms, session.Wire);
        if (model.IsUndecided)
            return null;
        string? difference = Check(session, model);
        return difference is null && enginePercent > 0
            ? await CheckEngineAsync(new EngineSubject(), session).ConfigureAwait(false)
            : difference;
    }

    private string? Check(Session session, Outcome model)
    {
        (Terms terms, byte[] wire) = (session.Terms, session.Wire);
        string? difference = Play([wire.Length], 0) ?? Play([.. Enumerable.Range(1, wire.Length)], 0);
        for (int split = 1; split < wire.Length && wire.Length <= EverySplit && difference is null; split++)
            difference = Play([split, wire.Length], 0);
        var dice = new Dice(session.Seed);
        for (int i = 0; i < 3 && difference is null; i++)
            difference = Play(Cut(wire.Length, dice), i == 0 ? 0 : dice.Within(1, 40));
        return difference;

        string? Play(int[] ends, int directMinimum)
        {
            try
            {
                Outcome seen = subject.Receive(terms, wire, ends, directMinimum);
                return seen.Satisfies(model) ? null : $"{seen} instead of {model} ({Describe()})";
            }
            catch (Exception e)
            {
                return $"{e} ({Describe()})";
            }

            string Describe() => ends.Length == wire.Length && ends.Length > 1
                ? "byte by byte"
                : $"cut at {string.Join(", ", ends.Take(10))}, directly {directMinimum}";
        }
    }

    private static async Task<string?> CheckEngineAsync(EngineSubject engine, Session session)
    {
        var dice = new Dice(session.Seed);
        int[] ends = dice.Below(3) switch
        {
            0 => [session.Wire.Length],
            1 when session.Wire.Length <= 200 => [.. Enumerable.Range(1, session.Wire.Length)],
            _ => Cut(session.Wire.Length, dice),
        };
        return await engine.CheckAsync(session, ends, dice).ConfigureAwait(false)
            ?? await engine.CheckUnderFireAsync(session, ends, dice).ConfigureAwait(false);
    }

    private static int[] Cut(int length, Dice dice)
    {
        List<int> ends = [];
        int piece = 1 + (length / 500) + dice.Below(Math.Max(1, dice.Happens(50) ? 12 : length));
        for (int at = dice.Below(piece + 1); at < length; at += dice.Within(1, piece))
            ends.Add(at);
        return [.. ends, length];
    }

    /// <summary>Makes a session shorter and plainer for as long as something differs: whole frames first, then bytes.</summary>
    public async Task<Session> MinimiseAsync(Session session)
    {
        int checks = 0;
        int[] starts = SpecModel.FrameStarts(session);
        for (int frame = starts.Length - 2; frame >= 0; frame--)
            await TryAsync([.. session.Wire[..starts[frame]], .. session.Wire[starts[frame + 1]..]]).ConfigureAwait(false);

        for (int size = session.Wire.Length; size > 0; size /= 2)
        {
            for (int at = session.Wire.Length - size; at >= 0; at -= size)
                await TryAsync([.. session.Wire[..at], .. session.Wire[(at + size)..]]).ConfigureAwait(false);
        }

        for (int at = 0; at < session.Wire.Length; at++)
        {
            if (session.Wire[at] != 0)
                await TryAsync([.. session.Wire[..at], 0, .. session.Wire[(at + 1)..]]).ConfigureAwait(false);
        }

        return session;

        async Task TryAsync(byte[] wire)
        {
            Session candidate = session with { Wire = wire };
            if (++checks <= MostChecks && await CheckAsync(candidate).ConfigureAwait(false) is not null)
                session = candidate;
        }
    }

    /// <summary>Describes what a run came to, with a smaller session for each disagreement, to keep as a test.</summary>
    public async Task<string> DescribeAsync(FuzzReport report)
    {
        var text = new StringBuilder(
            $"{report.Sessions} sessions, {report.EngineSessions} of them through the engine as well, {report.Disagreements.Count} disagreements");
        foreach (Disagreement found in report.Disagreements)
        {
            Session session = await MinimiseAsync(found.Session).ConfigureAwait(false);
            Terms terms = session.Terms;
            text.AppendLine()
                .AppendLine($"Seed {found.Session.Seed}: {found.Difference}")
                .AppendLine($"To keep it as a test ({await CheckAsync(session).ConfigureAwait(false)}):")
                .Append($"    new(0, new(Role.{terms.Receiver}, {terms.MaxMessageSize}, {terms.MaxFragments}, ")
                .Append($"{(terms.SkipsUtf8 ? "true" : "false")}, DeflateMode.{terms.Deflate}, InPieces: {(terms.InPieces ? "true" : "false")}), ")
                .Append('[').AppendJoin(", ", session.Wire.Select(value => $"0x{value:X2}")).Append("]),");
        }

        return text.ToString();
    }
}

/// <summary>A session that a receiver and the model see differently.</summary>
/// <param name="Session">The session.</param>
/// <param name="Difference">What differs.</param>
public sealed record Disagreement(Session Session, string Difference);

/// <summary>What a run came to.</summary>
public sealed class FuzzReport
{
    private readonly ConcurrentDictionary<string, int> _ends = new();
    private int _sessions;
    private int _engineSessions;

    public ConcurrentBag<Disagreement> Disagreements { get; } = [];

    /// <summary>Gets how often each end was due, by the name of the rule where one was broken.</summary>
    public IReadOnlyDictionary<string, int> Ends => _ends;

    public int Sessions => _sessions;

    public int EngineSessions => _engineSessions;

    internal void Count(Session session, Outcome model, bool isForEngine)
    {
        Interlocked.Increment(ref _sessions);
        if (isForEngine)
            Interlocked.Increment(ref _engineSessions);
        string end = model.Broken.Count > 0 ? model.Broken[0].Rule.ToString() : model.IsClosed ? "Close" : "Open";
        if (model.IsUndecided)
            end = "Undecided";
        Tally(end);
        if (session.Terms.Deflate != DeflateMode.None)
            Tally($"{session.Terms.Deflate}, {end}");
        foreach (ItemKind kind in model.Items.Select(item => item.Kind).Distinct())
            Tally(kind.ToString());
    }

    private void Tally(string what) => _ends.AddOrUpdate(what, 1, static (_, count) => count + 1);
}
