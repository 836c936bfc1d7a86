using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Decides which end point is tried next, and when. It is told what happens, with the time and a random number, and does
/// nothing by itself.</summary>
/// <remarks>Not safe for several threads at a time.</remarks>
internal sealed class ReconnectPlan(ReconnectOptions options, int endPoints)
{
    // The time before which each end point is left alone, because it asked for that.
    private readonly TimeSpan[] _notBefore = new TimeSpan[endPoints];

    /// <summary>Gets the end point whose turn it is.</summary>
    public int EndPoint { get; private set; }

    /// <summary>Gets how many failures there were in a row.</summary>
    public int Failures { get; private set; }

    /// <summary>Takes note of a failure.</summary>
    /// <param name="failure">The failure.</param>
    /// <param name="now">The time, from any beginning.</param>
    /// <param name="utcNow">The time of the day.</param>
    /// <param name="random">A random number from 0 up to 1.</param>
    /// <returns>How long to wait before the next attempt.</returns>
    public TimeSpan Fail(ReconnectFailure failure, TimeSpan now, DateTimeOffset utcNow, double random)
    {
        bool hadHeld = failure.Uptime >= options.MinUptime;
        Failures = hadHeld ? 1 : Failures + 1;
        // The bound doubles once all end points have been tried.
        double bound = Math.Min(
            options.MaxDelay.TotalSeconds, options.InitialDelay.TotalSeconds * Math.Pow(2, Math.Min(64, (Failures - 1) / endPoints)));
        var jitter = TimeSpan.FromSeconds(bound * random);
        if (LeaveAlone(failure, utcNow, random) is { } wait)
            _notBefore[EndPoint] = now + wait + (failure.CloseCode is null ? jitter : default);

        // The list is in order of preference: after a connection that had held, it is begun again.
        Choose(hadHeld ? 0 : (EndPoint + 1) % endPoints, now);
        TimeSpan rest = _notBefore[EndPoint] - now;
        return rest > jitter ? rest : jitter;
    }

    /// <summary>Finds how long an end point asked to be left alone; null where it did not.</summary>
    private TimeSpan? LeaveAlone(ReconnectFailure failure, DateTimeOffset utcNow, double random)
    {
        switch (failure.CloseCode)
        {
            case CloseCode.ServiceRestart:
                TimeSpan spread = options.MaxRestartDelay - options.MinRestartDelay;
                return options.MinRestartDelay + (spread > TimeSpan.Zero ? spread * random : default);
            case CloseCode.TryAgainLater:
                return options.MaxDelay * ((1 + random) / 2);
            default:
                return failure.RetryAfter(utcNow) is not { } asked ? null : asked < options.MaxRetryAfter ? asked : options.MaxRetryAfter;
        }
    }

    /// <summary>Chooses, from one end point on, the first that may be tried at once, else the one that may be tried first.</summary>
    private void Choose(int first, TimeSpan now)
    {
        EndPoint = first;
        for (int i = 1; i < endPoints; i++)
        {
            int other = (first + i) % endPoints;
            if (_notBefore[EndPoint] > now && _notBefore[other] < _notBefore[EndPoint])
                EndPoint = other;
        }
    }
}
