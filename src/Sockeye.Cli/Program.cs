using System.CommandLine;
using Sockeye.Cli;
using Sockeye.Cli.Bench;

var root = new RootCommand("WebSockets from the terminal.")
{
    EchoCommand.Create(),
    ChatCommand.Create(),
    ConnectCommand.Create(),
    ConformCommand.Create(),
    BenchCommand.Create(),
};

ParseResult parsed = root.Parse(args);
if (ConnectCommand.TryRefuse(parsed))
    return 1;

// Ctrl-C and SIGTERM cancel the token of the command, which then has this long to end in good order.
return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(10) });
