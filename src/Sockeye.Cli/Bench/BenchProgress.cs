using System.Diagnostics;
using System.Globalization;

namespace Sockeye.Cli.Bench;

/// <summary>One line on standard error that tells how it goes, where somebody looks.</summary>
internal sealed class BenchProgress
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(0.5);

    private readonly bool _isShown = !Console.IsErrorRedirected;
    private long _shown = Stopwatch.GetTimestamp();
    private long _messages;

    public void Show(string what, long messages, long now)
    {
        if (!_isShown || Stopwatch.GetElapsedTime(_shown, now) < _interval)
            return;
        double rate = Math.Max(0, messages - _messages) / Stopwatch.GetElapsedTime(_shown, now).TotalSeconds;
        _shown = now;
        _messages = messages;
        Console.Error.Write(string.Create(CultureInfo.InvariantCulture, $"\r{what}: {rate:N0} a second\u001B[K"));
    }

    public void Clear()
    {
        if (_isShown)
            Console.Error.Write("\r\u001B[K");
    }
}
