using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;

namespace Sockeye.Interop.Tests;

/// <summary>A peer in a process of its own. Its standard input stays open as long as it may live: peers end with it.</summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly BlockingCollection<string> _lines = [];
    private readonly StringBuilder _output = new();

    private PeerProcess(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Repository.Peers,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
        };
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, e) => Take(e.Data, isOutput: true);
        _process.ErrorDataReceived += (_, e) => Take(e.Data, isOutput: false);
        try
        {
            _process.Start();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException($"The peer '{program}' is missing: run eng/peers.sh, which installs all peers.", e);
        }

        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Gets everything that the peer has printed.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public StreamWriter Input => _process.StandardInput;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public static PeerProcess Start(string program, params IEnumerable<string> arguments) => new(program, arguments);

    /// <summary>Starts the tool of this checkout. It hears the signal of Ctrl-C also where whoever runs the tests in the background does
    /// not.</summary>
    public static PeerProcess StartTool(params IEnumerable<string> arguments) =>
        Start("env", ["--default-signal=INT", "dotnet", Repository.Tool, .. arguments]);

    /// <summary>Waits for a line that begins so, and gives the rest of it.</summary>
    public string WaitForLine(string beginning)
    {
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < Patience)
        {
            if (!_lines.TryTake(out string? line, TimeSpan.FromSeconds(1)))
            {
                if (_lines.IsCompleted)
                    break;
                continue;
            }

            if (line.StartsWith(beginning, StringComparison.Ordinal))
                return line[beginning.Length..];
        }

        throw new InvalidOperationException($"The peer printed no line that begins with '{beginning}'. It printed:\n{Output}");
    }

    /// <summary>Waits for the end of the process.</summary>
    /// <param name="patience">How long; 90 s where null.</param>
    /// <returns>The exit code.</returns>
    public async Task<int> WaitForExitAsync(TimeSpan? patience = null)
    {
        using var limit = new CancellationTokenSource(patience ?? Patience);
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    /// <summary>Sends the signal of Ctrl-C.</summary>
    public void Interrupt() => Signal("INT");

    /// <summary>Stops the process where it is: its peers see it fall silent.</summary>
    public void Suspend() => Signal("STOP");

    /// <summary>Ends a process that ends in no other way.</summary>
    public void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.StandardInput.Close();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
                await _process.WaitForExitAsync(CancellationToken.None);
            }
        }

        _process.Dispose();
    }

    private void Signal(string name)
    {
        using Process kill = Process.Start("kill", [$"-{name}", _process.Id.ToString()]);
        kill.WaitForExit();
    }

    private void Take(string? line, bool isOutput)
    {
        if (line is null)
        {
            if (isOutput)
                _lines.CompleteAdding();
            return;
        }

        lock (_output)
            _output.AppendLine(line);
        if (isOutput && !_lines.IsAddingCompleted)
            _lines.Add(line);
    }
}
