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

// Ctrl-C and SIGTERM cancel the token of the command, which then has this long to end in good order.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(10) });
