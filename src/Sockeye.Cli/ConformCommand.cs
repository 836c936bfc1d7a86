using System.CommandLine;
using System.Net.Security;
using Sockeye.Conformance;
using Sockeye.Protocol;

namespace Sockeye.Cli;

/// <summary><c>sockeye conform</c>: judges echo servers and echo clients by the conformance cases, or puts our own client through them.
/// </summary>
internal static class ConformCommand
{
    public static Command Create()
    {
        var url = new Argument<string?>("url") { Description = "The echo server to judge, such as ws://localhost:9001.", Arity = ArgumentArity.ZeroOrOne };
        var listen = new Option<int?>("--listen") { Description = "Judges clients instead: listens on this port; 0 takes any free one." };
        var drive = new Option<string?>("--drive") { Description = "Puts the client of this library through a server that judges clients, such as ws://localhost:9001." };
        var cases = new Option<string?>("--cases") { Description = "The cases to play: '1.*,5.19'. All of them where it is not given." };
        var maxMessage = new Option<int?>("--max-message")
        {
            Description = "The largest message that the endpoint takes, in bytes: without it, the cases about limits only show what it does.",
        };
        var isShort = new Option<bool>("--short")
        {
            Description = $"Sends {CaseCatalog.ShortMessages} messages in each case of groups 12 and 13, instead of {CaseCatalog.FullMessages}.",
        };
        var parallel = new Option<int?>("--parallel")
        {
            Description = $"How many cases to play at a time; {SuiteRunner.DefaultParallelism} where it is not given, and 1 with --drive.",
        };
        var isStrict = new Option<bool>("--strict") { Description = "Takes what is only tolerated (NON-STRICT) as failed." };
        var patience = new Option<double>("--patience")
        {
            Description = "Stretches pauses and limits of time by this factor, for slow machines.",
            DefaultValueFactory = _ => 1,
        };
        var json = new Option<FileInfo?>("--json") { Description = "Writes the report, with the events of each case, to this file." };
        var html = new Option<FileInfo?>("--html") { Description = "Writes the report for people to this file." };
        var junit = new Option<FileInfo?>("--junit") { Description = "Writes the report for build servers, as JUnit XML, to this file." };
        var host = new Option<string>("--host") { Description = "With --listen: the address to listen on.", DefaultValueFactory = _ => "127.0.0.1" };
        var certificate = new Option<FileInfo?>("--cert") { Description = "With --listen: a certificate with its key, PFX or PEM: serves wss." };
        var isOnce = new Option<bool>("--once") { Description = "With --listen: ends with the first report that a client asks for." };
        var agent = new Option<string>("--agent") { Description = "With --drive: the name to report under.", DefaultValueFactory = _ => "Sockeye" };
        var authorities = new Option<FileInfo?>("--ca", "--cacert") { Description = "PEM certificates to trust instead of the system's." };
        var isInsecure = new Option<bool>("--insecure") { Description = "Trusts any certificate." };
        var command = new Command("conform", "Judges echo servers and echo clients by the cases of the conformance suite.")
        {
            url, listen, drive, cases, maxMessage, isShort, parallel, patience, isStrict, json, html, junit, host, certificate, isOnce, agent, authorities, isInsecure,
        };
        parallel.Check(value => value is null or >= 1, "--parallel must be at least 1.");
        maxMessage.Check(value => value is null or (>= 1024 and <= Group28.LargestLimit), $"--max-message is 1024 to {Group28.LargestLimit} bytes.");
        patience.Check(value => value is >= 1 and <= 1000, "--patience is a factor of 1 to 1000.");
        command.Validators.Add(result =>
        {
            bool[] modes = [result.GetValue(url) is not null, result.GetResult(listen) is not null, result.GetResult(drive) is not null];
            if (modes.Count(isGiven => isGiven) != 1)
                result.AddError("Say who is judged: the URL of a server, --listen PORT for clients, or --drive URL for the client of this library.");
        });
        command.SetAction(async (parsed, cancel) =>
        {
            try
            {
                Role judged = parsed.GetResult(listen) is null ? Role.Server : Role.Client;
                int messages = parsed.GetValue(isShort) ? CaseCatalog.ShortMessages : CaseCatalog.FullMessages;
                IReadOnlyList<ConformanceCase> all = CaseCatalog.Create(messages, parsed.GetValue(maxMessage));
                var run = new ConformRun
                {
                    Cases = CaseSelection.Select([.. all.Where(one => one.IsFor(judged))], parsed.GetValue(cases)),
                    MessagesPerCase = messages,
                    IsStrict = parsed.GetValue(isStrict),
                    Json = parsed.GetValue(json),
                    Html = parsed.GetValue(html),
                    JUnit = parsed.GetValue(junit),
                    Patience = parsed.GetValue(patience),
                };
                int? atATime = parsed.GetValue(parallel);
                if (parsed.GetValue(listen) is { } port)
                {
                    return await ConformListening.RunAsync(
                        run, ServerOptions.Create(parsed.GetValue(host)!, port, parsed.GetValue(certificate), null), parsed.GetValue(isOnce), cancel);
                }

                SslClientAuthenticationOptions? tls = TrustedAuthorities.Options(parsed.GetValue(authorities), parsed.GetValue(isInsecure));
                if (parsed.GetValue(drive) is { } server)
                    return await ConformDriving.RunAsync(new ClientDriver(server, parsed.GetValue(agent)!, new() { Tls = tls }), atATime ?? 1, cancel);
                var harness = new ServerHarness(parsed.GetValue(url)!) { Tls = tls, Patience = run.Patience };
                return await run.JudgeServerAsync(harness, parsed.GetValue(url)!, atATime ?? SuiteRunner.DefaultParallelism, cancel);
            }
            catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
            {
                await Console.Error.WriteLineAsync(TerminalText.Escape(e.Message));
                return 2;
            }
            catch (OperationCanceledException)
            {
                return 130;
            }
        });
        return command;
    }
}
