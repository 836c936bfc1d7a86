using System.Threading.Channels;

namespace Sockeye.Tests.Guides;

/// <summary>Stands in for the console in the examples of the guides: a test reads what they write, line by line.</summary>
internal sealed class ExampleConsole
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();

    public ExampleConsole Error => this;

    public void WriteLine(string line) => _lines.Writer.TryWrite(line);

    public Task<string> ReadAsync() => _lines.Reader.ReadAsync().AsTask().WaitAsync(Patience);
}
