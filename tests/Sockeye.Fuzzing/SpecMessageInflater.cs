using Sockeye.Protocol;

namespace Sockeye.Fuzzing;

/// <summary>Inflates for an assembler by the letter of RFC 1951.</summary>
/// <param name="keepsContext">Whether messages may refer to earlier ones.</param>
internal sealed class SpecMessageInflater(bool keepsContext) : IMessageInflater
{
    private List<byte> _output = [];
    private SpecInflater? _inflater;
    private List<byte> _history = [];
    private int _given;

    public bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written)
    {
        _inflater ??= new SpecInflater(_history, _output, int.MaxValue);
        _inflater.Append(source);
        consumed = source.Length;
        written = Math.Min(_output.Count - _given, destination.Length);
        System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_output).Slice(_given, written).CopyTo(destination);
        _given += written;
        return !_inflater.IsBroken || written == destination.Length;
    }

    public bool TryEndMessage()
    {
        SpecInflater inflater = _inflater ?? new SpecInflater(_history, _output, int.MaxValue);
        inflater.Append([0x00, 0x00, 0xFF, 0xFF]);
        bool isWhole = !inflater.IsBroken && !inflater.IsInsideBlock && _output.Count == _given;
        _history = keepsContext ? inflater.History : [];
        (_inflater, _output, _given) = (null, [], 0);
        return isWhole;
    }

    public void Dispose()
    {
        // Nothing is held.
    }
}
