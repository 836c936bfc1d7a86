using System.CommandLine;

namespace Sockeye.Cli;

/// <summary>The options of <c>sockeye connect</c> besides those of the client: what is sent, and what is shown.</summary>
internal sealed class ConnectArguments
{
    private const double MaxSeconds = 86_400;

    private readonly Option<string[]> _texts = new("--execute", "-x")
    {
        Description = "Sends this text when connected, instead of standard input; may be given several times.",
    };

    private readonly Option<FileInfo[]> _files = new("--binary")
    {
        Description = "Sends this file as one binary message when connected, behind --execute, instead of standard input.",
    };

    private readonly Option<double?> _wait = new("--wait", "-w")
    {
        Description = "Goes on listening for so many seconds when all has been sent and answered; -1 for as long as the server does.",
    };

    private readonly Option<double?> _ping = new("--ping") { Description = "Sends a ping every so many seconds and shows the round-trip time." };
    private readonly Option<bool> _reconnects = new("--reconnect") { Description = "Connects again when the connection is lost." };
    private readonly Option<bool> _isVerbose = new("--verbose", "-v") { Description = "Shows the handshake, pings and pongs." };
    private readonly Option<bool> _isJson = new("--json") { Description = "Prints each event as a line of JSON." };

    public ConnectArguments()
    {
        _wait.Check(value => value is null or -1 or (>= 0 and <= MaxSeconds), "--wait is a number of seconds up to a day, or -1 for no end.");
        _ping.Check(value => value is null or (>= 0.001 and <= MaxSeconds), "--ping is a number of seconds, from 0.001 to a day.");
    }

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_texts, _files, _wait, _ping, _reconnects, _isVerbose, _isJson])
            command.Add(option);
    }

    /// <summary>Makes what shows everything, also what is wrong with the other arguments.</summary>
    public ConnectOutput ReadOutput(ParseResult parsed, bool isHttp2)
    {
        bool isVerbose = parsed.GetValue(_isVerbose);
        return parsed.GetValue(_isJson) ? new ConnectJsonOutput(isVerbose) : new ConnectTextOutput(isVerbose, isHttp2);
    }

    /// <summary>Takes what was given.</summary>
    /// <exception cref="FileNotFoundException">A file to be sent is not there.</exception>
    public ConnectPlan Read(ParseResult parsed)
    {
        FileInfo[] files = parsed.GetValue(_files) ?? [];
        foreach (FileInfo file in files)
        {
            if (!file.Exists)
                throw new FileNotFoundException($"The file '{file}' to be sent is not there.");
        }

        return new ConnectPlan
        {
            Texts = parsed.GetValue(_texts) ?? [],
            Files = files,
            Wait = parsed.GetValue(_wait) is { } wait ? (wait < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(wait)) : null,
            Ping = parsed.GetValue(_ping) is { } ping ? TimeSpan.FromSeconds(ping) : null,
            Reconnects = parsed.GetValue(_reconnects),
        };
    }
}

/// <summary>What <c>sockeye connect</c> does once it is connected.</summary>
internal sealed record ConnectPlan
{
    /// <summary>Gets what is sent at each opening.</summary>
    public required IReadOnlyList<string> Texts { get; init; }

    /// <summary>Gets the files that are sent behind that.</summary>
    public required IReadOnlyList<FileInfo> Files { get; init; }

    /// <summary>Gets how long to listen when all has been sent; null for no longer than until it has been answered.</summary>
    public required TimeSpan? Wait { get; init; }

    /// <summary>Gets the time between pings; null for none.</summary>
    public required TimeSpan? Ping { get; init; }

    public required bool Reconnects { get; init; }

    /// <summary>Gets whether the lines of standard input are sent.</summary>
    public bool ReadsInput => Texts.Count == 0 && Files.Count == 0;
}
