namespace Sockeye.Transports;

/// <summary>Keeps objects that are used again and again: a few at hand for each thread, and the rest, within a bound, for all.</summary>
/// <remarks>Often one thread takes and another one gives back, as where one sends and another one writes: they pass them on in batches.</remarks>
internal static class Spares<T>
    where T : class, ISpare<T>
{
    private const int Batch = 16;
    private const int MaxShared = 4096;

    private static readonly Stack<T> Shared = new();

    [ThreadStatic]
    private static T? t_first;
    [ThreadStatic]
    private static int t_count;

    /// <summary>Takes one; null where a new one must be made.</summary>
    public static T? Take()
    {
        T? spare = t_first;
        if (spare is null)
            return TakeShared();
        t_first = spare.Next;
        t_count--;
        spare.Next = null;
        return spare;
    }

    /// <summary>Gives one back, as good as new.</summary>
    public static void Give(T spare)
    {
        if (t_count == 2 * Batch)
            Share();
        spare.Next = t_first;
        t_first = spare;
        t_count++;
    }

    private static T? TakeShared()
    {
        lock (Shared)
        {
            while (t_count < Batch && Shared.TryPop(out T? spare))
            {
                spare.Next = t_first;
                t_first = spare;
                t_count++;
            }
        }

        return t_first is null ? null : Take();
    }

    private static void Share()
    {
        lock (Shared)
        {
            while (t_count > Batch)
            {
                T spare = t_first!;
                t_first = spare.Next;
                t_count--;
                spare.Next = null;
                if (Shared.Count < MaxShared)
                    Shared.Push(spare);
            }
        }
    }
}

/// <summary>An object that <see cref="Spares{T}"/> keeps.</summary>
internal interface ISpare<T>
    where T : class
{
    /// <summary>Gets or sets what links it to others, while nobody uses it.</summary>
    T? Next { get; set; }
}
