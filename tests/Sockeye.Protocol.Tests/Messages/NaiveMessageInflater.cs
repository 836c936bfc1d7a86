using Sockeye.Testing;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Inflates messages with <see cref="NaiveInflate"/>, and notes what is asked of it.</summary>
internal sealed class NaiveMessageInflater(bool takesOver) : IMessageInflater
{
    private static readonly byte[] Tail = [0x00, 0x00, 0xFF, 0xFF];

    private readonly List<byte> _source = [];
    private byte[] _history = [];
    private byte[] _inflated = [];
    private bool _isBroken;
    private int _given;

    /// <summary>Gets how much was inflated in all.</summary>
    public long Total { get; private set; }

    /// <summary>Gets how much was inflated of one message at most.</summary>
    public int Largest { get; private set; }

    public int Disposals { get; private set; }

    public bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written)
    {
        Assert.Equal(0, Disposals);
        Assert.False(destination.IsEmpty);
        consumed = source.Length;
        _source.AddRange(source);
        if (consumed > 0)
        {
            var inflate = NaiveInflate.Read([.. _source], _history);
            (_inflated, _isBroken) = (inflate.Output, inflate.IsBroken);
        }

        ReadOnlySpan<byte> rest = _inflated.AsSpan(_given);
        written = Math.Min(rest.Length, destination.Length);
        rest[..written].CopyTo(destination);
        _given += written;
        Total += written;
        Largest = Math.Max(Largest, _given);
        return !_isBroken || written < rest.Length || written == destination.Length;
    }

    public bool TryEndMessage()
    {
        var whole = NaiveInflate.Read([.. _source, .. Tail], _history);
        bool isWhole = IsWhole(whole, _given);
        _history = takesOver ? whole.History : [];
        _source.Clear();
        _inflated = [];
        _given = 0;
        return isWhole;
    }

    /// <summary>Tells whether the tail ended the data, and did nothing else.</summary>
    public static bool IsWhole(NaiveInflate withTail, int inflatedBefore) =>
        withTail.IsBetweenBlocks && !withTail.IsBroken && withTail.Output.Length == inflatedBefore;

    public void Dispose() => Disposals++;
}
