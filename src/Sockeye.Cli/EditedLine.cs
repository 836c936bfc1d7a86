using System.Globalization;
using System.Text;

namespace Sockeye.Cli;

/// <summary>A line that is being typed, with the keys of a shell and a history of the lines before it.</summary>
internal sealed class EditedLine
{
    private readonly List<string> _history = [];

    // Where in the history it is; at its end for the line that is new, which is kept while older ones are looked at.
    private int _recalled;
    private string _new = "";

    public string Text { get; private set; } = "";

    /// <summary>Gets the index in the text at which the next character goes in.</summary>
    public int Cursor { get; private set; }

    /// <summary>Begins anew.</summary>
    public void Clear()
    {
        _recalled = _history.Count;
        Set("");
    }

    /// <summary>Takes a key.</summary>
    public LineEvent Take(ConsoleKeyInfo key)
    {
        bool isControl = (key.Modifiers & ConsoleModifiers.Control) != 0;
        switch (key.Key)
        {
            case ConsoleKey.Enter:
            case ConsoleKey.J or ConsoleKey.M when isControl:
                Remember();
                return LineEvent.Entered;
            case ConsoleKey.D when isControl && Text.Length == 0:
                return LineEvent.Ended;
            case ConsoleKey.Delete:
            case ConsoleKey.D when isControl:
                Remove(Cursor, Next(Cursor));
                break;
            case ConsoleKey.Backspace:
            case ConsoleKey.H when isControl:
                Remove(Previous(Cursor), Cursor);
                break;
            case ConsoleKey.U when isControl:
                Remove(0, Cursor);
                break;
            case ConsoleKey.K when isControl:
                Remove(Cursor, Text.Length);
                break;
            case ConsoleKey.W when isControl:
                Remove(WordBefore(), Cursor);
                break;
            case ConsoleKey.LeftArrow:
                Cursor = isControl ? WordBefore() : Previous(Cursor);
                break;
            case ConsoleKey.RightArrow:
                Cursor = isControl ? WordBehind() : Next(Cursor);
                break;
            case ConsoleKey.B when isControl:
                Cursor = Previous(Cursor);
                break;
            case ConsoleKey.F when isControl:
                Cursor = Next(Cursor);
                break;
            case ConsoleKey.Home:
            case ConsoleKey.A when isControl:
                Cursor = 0;
                break;
            case ConsoleKey.End:
            case ConsoleKey.E when isControl:
                Cursor = Text.Length;
                break;
            case ConsoleKey.UpArrow:
            case ConsoleKey.P when isControl:
                Recall(_recalled - 1);
                break;
            case ConsoleKey.DownArrow:
            case ConsoleKey.N when isControl:
                Recall(_recalled + 1);
                break;
            default:
                if (key.KeyChar == '\t' || !char.IsControl(key.KeyChar))
                    Insert(key.KeyChar);
                break;
        }

        return LineEvent.Edited;
    }

    /// <summary>Gets the part of the line around the cursor that fits into some columns.</summary>
    /// <returns>The part, and the column of the cursor in it.</returns>
    public (string Shown, int Column) Fit(int columns)
    {
        int start = 0;
        int column = Columns(0, Cursor);
        // One column is left for the cursor behind the end.
        for (int next; column > columns - 1; start = next)
        {
            next = Next(start);
            column -= Columns(start, next);
        }

        int end = Cursor;
        for (int used = column; end < Text.Length; end = Next(end))
        {
            used += Columns(end, Next(end));
            if (used > columns - 1)
                break;
        }

        return (TerminalText.Escape(Text[start..end].Replace('\t', ' ')), column);
    }

    private void Set(string text)
    {
        Text = text;
        Cursor = text.Length;
    }

    private void Insert(char character)
    {
        Text = Text.Insert(Cursor, character.ToString());
        Cursor++;
    }

    private void Remove(int start, int end)
    {
        Text = Text.Remove(start, end - start);
        Cursor = start;
    }

    private void Remember()
    {
        if (Text.Length > 0 && (_history.Count == 0 || _history[^1] != Text))
            _history.Add(Text);
    }

    private void Recall(int index)
    {
        if (index < 0 || index > _history.Count)
            return;
        if (_recalled == _history.Count)
            _new = Text;
        _recalled = index;
        Set(index == _history.Count ? _new : _history[index]);
    }

    private int WordBefore()
    {
        int at = Cursor;
        while (at > 0 && char.IsWhiteSpace(Text[at - 1]))
            at--;
        while (at > 0 && !char.IsWhiteSpace(Text[at - 1]))
            at--;
        return at;
    }

    private int WordBehind()
    {
        int at = Cursor;
        while (at < Text.Length && char.IsWhiteSpace(Text[at]))
            at++;
        while (at < Text.Length && !char.IsWhiteSpace(Text[at]))
            at++;
        return at;
    }

    // What a person takes for one character may be several: they are passed and removed together.
    private int Next(int at) => at + StringInfo.GetNextTextElementLength(Text.AsSpan(at));

    private int Previous(int at)
    {
        int before = 0;
        for (int next = 0; next < at; next = Next(next))
            before = next;
        return before;
    }

    private int Columns(int start, int end)
    {
        int columns = 0;
        for (int next; start < end; start = next)
        {
            next = Next(start);
            columns += Rune.TryGetRuneAt(Text, start, out Rune rune) && IsWide(rune) ? 2 : 1;
        }

        return columns;
    }

    // Terminals give two columns to the scripts of East Asia and to pictures.
    private static bool IsWide(Rune rune) => rune.Value is
        (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF)
        or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6) or (>= 0x1F300 and <= 0x1FAFF)
        or (>= 0x20000 and <= 0x3FFFD);
}

/// <summary>Says what a key did.</summary>
internal enum LineEvent
{
    /// <summary>It changed the line, or did nothing.</summary>
    Edited,

    /// <summary>The line is complete.</summary>
    Entered,

    /// <summary>There are no more lines.</summary>
    Ended,
}
