namespace Sockeye;

/// <summary>Waits for the writes of one connection that the transport does not take at once, one after the other.</summary>
internal sealed class WriteWait
{
    private readonly SendBuffer _output;
    private readonly Action _onWritten;
    private ValueTask _write;

    public WriteWait(SendBuffer output)
    {
        _output = output;
        _onWritten = OnWritten;
    }

    public void Begin(ValueTask write)
    {
        _write = write;
        write.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_onWritten);
    }

    private void OnWritten()
    {
        ValueTask written = _write;
        _write = default;
        _output.OnWritten(written);
    }
}
