namespace Sockeye.Conformance;

/// <summary>What leaves: bytes, and how they are cut into writes.</summary>
internal sealed class Outgoing
{
    private readonly List<Cut> _cuts = [];
    private byte[] _bytes = new byte[4096];
    private int _length;

    public bool IsEmpty => _length == 0;

    /// <summary>Gets the writes, in order; valid until more is appended or all is cleared.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Writes
    {
        get
        {
            int start = 0;
            foreach (Cut cut in _cuts)
            {
                int chop = cut.Chop == 0 ? cut.End - start : cut.Chop;
                for (; start < cut.End; start += Math.Min(chop, cut.End - start))
                    yield return _bytes.AsMemory(start, Math.Min(chop, cut.End - start));
            }
        }
    }

    /// <summary>Appends bytes.</summary>
    /// <param name="length">How many.</param>
    /// <param name="chop">How many of them are written at a time; 0 for all.</param>
    /// <param name="isAlone">Whether they are written apart from what was appended before and will be after.</param>
    /// <returns>Where to put them, before anything else is done here.</returns>
    public Span<byte> Append(int length, int chop = 0, bool isAlone = false)
    {
        if (_bytes.Length - _length < length)
            Array.Resize(ref _bytes, Math.Max(_length + length, 2 * _bytes.Length));
        _length += length;
        bool joins = _cuts is [.., { Chop: 0, IsAlone: false }] && chop == 0 && !isAlone;
        if (joins)
            _cuts[^1] = _cuts[^1] with { End = _length };
        else
            _cuts.Add(new Cut(_length, chop, isAlone));
        return _bytes.AsSpan(_length - length, length);
    }

    public void Clear()
    {
        _length = 0;
        _cuts.Clear();
        // Memory for a large message is not kept for small ones.
        if (_bytes.Length > 1024 * 1024)
            _bytes = new byte[4096];
    }

    private readonly record struct Cut(int End, int Chop, bool IsAlone);
}
