namespace Sockeye.Conformance;

/// <summary>Keeps which cases each agent has played, and those that it is playing. Any thread may call it.</summary>
/// <param name="cases">All cases.</param>
internal sealed class ClientRecords(IReadOnlyList<ConformanceCase> cases)
{
    private readonly Lock _sync = new();
    private readonly Dictionary<string, Record> _records = new(StringComparer.Ordinal);

    /// <summary>Gets the agents, in the order in which they came.</summary>
    public IReadOnlyList<string> Agents
    {
        get
        {
            lock (_sync)
                return [.. _records.OrderBy(one => one.Value.Started).Select(one => one.Key)];
        }
    }

    /// <summary>Adds a case that is being played; it takes the place of an earlier run of it.</summary>
    public void Add(string agent, int number, Task<CaseResult> play, DateTimeOffset now)
    {
        lock (_sync)
        {
            if (!_records.TryGetValue(agent, out Record? record))
                _records.Add(agent, record = new Record(now, new Task<CaseResult>?[cases.Count]));
            record.Plays[number - 1] = play;
        }
    }

    /// <summary>Gets the result of a case, once it is over.</summary>
    /// <returns>Null where the agent has not begun it.</returns>
    public async Task<CaseResult?> FindAsync(string agent, int number)
    {
        Task<CaseResult>? play;
        lock (_sync)
            play = _records.TryGetValue(agent, out Record? record) ? record.Plays[number - 1] : null;
        return play is null ? null : await play.ConfigureAwait(false);
    }

    /// <summary>Waits for the cases that an agent is playing.</summary>
    public Task FinishAsync(string agent) => Task.WhenAll(Plays(agent, out _));

    /// <summary>Gets when an agent began, how long it took until now, and what it has finished, in the order of the cases.</summary>
    public (DateTimeOffset Started, TimeSpan Duration, IReadOnlyList<CaseResult> Results) Of(string agent, DateTimeOffset now)
    {
        IReadOnlyList<Task<CaseResult>> plays = Plays(agent, out DateTimeOffset? started);
        return (started ?? now, now - (started ?? now), [.. plays.Where(play => play.IsCompletedSuccessfully).Select(play => play.Result)]);
    }

    private IReadOnlyList<Task<CaseResult>> Plays(string agent, out DateTimeOffset? started)
    {
        lock (_sync)
        {
            _records.TryGetValue(agent, out Record? record);
            started = record?.Started;
            return [.. (record?.Plays ?? []).OfType<Task<CaseResult>>()];
        }
    }

    private sealed record Record(DateTimeOffset Started, Task<CaseResult>?[] Plays);
}
