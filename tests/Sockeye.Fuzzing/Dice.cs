namespace Sockeye.Fuzzing;

/// <summary>Random numbers that are the same for a seed on every machine and version (SplitMix64).</summary>
public sealed class Dice(long seed)
{
    private ulong _state = (ulong)seed;

    /// <summary>Gives a number from 0 to <paramref name="count"/> - 1.</summary>
    public int Below(int count) => (int)(Next() % (ulong)count);

    /// <summary>Gives a number from <paramref name="first"/> to <paramref name="last"/>.</summary>
    public int Within(int first, int last) => first + Below(last - first + 1);

    /// <summary>Tells whether something happens that does so <paramref name="percent"/> times in a hundred.</summary>
    public bool Happens(int percent) => Below(100) < percent;

    public T Of<T>(ReadOnlySpan<T> choices) => choices[Below(choices.Length)];

    public byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++)
            bytes[i] = (byte)Next();
        return bytes;
    }

    private ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
