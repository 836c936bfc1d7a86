using System.Text;

namespace Sockeye.Cli;

/// <summary>Asks for lines at a terminal. What is written to the console meanwhile appears above the line that is being typed.</summary>
/// <remarks>One thread reads; any thread may write.</remarks>
internal sealed class LinePrompt
{
    private const string Mark = "> ";

    private readonly Lock _sync = new();
    private readonly TextWriter _terminal = Console.Out;
    private readonly EditedLine _line = new();
    private bool _isShown;

    private LinePrompt()
    {
    }

    /// <summary>Takes the console over, where it is a terminal that can move its cursor.</summary>
    /// <returns>The prompt; null where there is no such terminal.</returns>
    public static LinePrompt? TryTakeConsole()
    {
        if (Console.IsInputRedirected || Console.IsOutputRedirected || Environment.GetEnvironmentVariable("TERM") is null or "" or "dumb")
            return null;
        var prompt = new LinePrompt();
        Console.SetOut(new Above(prompt, Console.Out));
        if (!Console.IsErrorRedirected)
            Console.SetError(new Above(prompt, Console.Error));
        return prompt;
    }

    /// <summary>Waits for a line.</summary>
    /// <returns>The line; null for Ctrl-D.</returns>
    public string? ReadLine()
    {
        lock (_sync)
        {
            _line.Clear();
            Show();
        }

        while (true)
        {
            ConsoleKeyInfo key = Console.ReadKey(intercept: true);
            lock (_sync)
            {
                LineEvent happened = _line.Take(key);
                if (happened == LineEvent.Edited)
                {
                    Show();
                    continue;
                }

                Hide();
                if (happened == LineEvent.Ended)
                    return null;
                _terminal.WriteLine(Mark + TerminalText.Escape(_line.Text));
                return _line.Text;
            }
        }
    }

    /// <summary>Takes the line off the screen: nobody asks any more.</summary>
    public void Leave()
    {
        lock (_sync)
            Hide();
    }

    private void Show()
    {
        int width = Console.WindowWidth is > 10 and int columns ? columns : 80;
        (string shown, int column) = _line.Fit(width - Mark.Length);
        _terminal.Write($"\r{Mark}{shown}\u001B[K\r\u001B[{Mark.Length + column}C");
        _terminal.Flush();
        _isShown = true;
    }

    private void Hide()
    {
        _terminal.Write("\r\u001B[K");
        _terminal.Flush();
        _isShown = false;
    }

    private void WriteAbove(TextWriter writer, string? text)
    {
        lock (_sync)
        {
            bool wasShown = _isShown;
            Hide();
            writer.WriteLine(text);
            writer.Flush();
            if (wasShown)
                Show();
        }
    }

    /// <summary>Writes whole lines above the prompt.</summary>
    private sealed class Above(LinePrompt prompt, TextWriter writer) : TextWriter
    {
        public override Encoding Encoding => writer.Encoding;

        public override void Write(char value) => writer.Write(value);

        public override void Write(string? value) => writer.Write(value);

        public override void WriteLine(string? value) => prompt.WriteAbove(writer, value);
    }
}
