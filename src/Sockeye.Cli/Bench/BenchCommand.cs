using System.CommandLine;

namespace Sockeye.Cli.Bench;

/// <summary><c>sockeye bench</c>: loads an echo server, and says what it costs.</summary>
internal static class BenchCommand
{
    private const int LargestSize = 16 * 1024 * 1024;
    private const int LargestDepth = 65_536;

    public static Command Create()
    {
        var url = new Argument<string>("url") { Description = "The echo server, such as ws://127.0.0.1:8080/." };
        var connections = new Option<int>("--connections") { Description = "How many connections.", DefaultValueFactory = _ => 100 };
        var size = new Option<int>("--size") { Description = "The size of a message in bytes.", DefaultValueFactory = _ => 64 };
        var depth = new Option<int>("--depth")
        {
            Description = "How many messages are in flight on each connection.",
            DefaultValueFactory = _ => 1,
        };
        var isBinary = new Option<bool>("--binary") { Description = "Sends binary messages instead of text." };
        var isCompressed = new Option<bool>("--compress") { Description = "Sends compressed messages (permessage-deflate), each alone, of JSON." };
        var seconds = new Option<double>("--seconds") { Description = "How long to measure.", DefaultValueFactory = _ => 5 };
        var warmUp = new Option<double>("--warmup") { Description = "How long to run before that, in seconds.", DefaultValueFactory = _ => 1 };
        var isFanOut = new Option<bool>("--fanout")
        {
            Description = "One connection to /publish sends; what it sends, the server sends to each connection to /subscribe.",
        };
        var idle = new Option<int?>("--idle") { Description = "Opens this many connections, and leaves them alone after one echo each." };
        var isHandshakes = new Option<bool>("--handshakes") { Description = "Opens and closes connections, --connections of them at a time." };
        var pid = new Option<int?>("--pid") { Description = "The process of the server: tells its processor time and its memory." };
        var client = new Option<string?>("--client") { Description = "Does the same through a client library: sockeye or ClientWebSocket." };
        client.AcceptOnlyFromAmong("sockeye", "ClientWebSocket");
        var isJson = new Option<bool>("--json") { Description = "Prints one object of JSON on standard output." };
        var authorities = new Option<FileInfo?>("--ca", "--cacert") { Description = "PEM certificates to trust instead of the system's." };
        var isInsecure = new Option<bool>("--insecure") { Description = "Trusts any certificate." };
        var command = new Command("bench", "Loads an echo server of any make, and measures rate, latency and cost.")
        {
            url, connections, size, depth, isBinary, isCompressed, seconds, warmUp, isFanOut, idle, isHandshakes, pid, client, isJson,
            authorities, isInsecure,
        };
        RequireRange(connections, 1, int.MaxValue, "is a number of connections");
        RequireRange(size, 1, LargestSize, "is a number of bytes");
        RequireRange(depth, 1, LargestDepth, "is a number of messages");
        RequireRange(seconds, 0.1, 86_400, "is a number of seconds");
        RequireRange(warmUp, 0, 86_400, "is a number of seconds");
        idle.Check(value => value is null or >= 1, "--idle is a number of connections of at least 1.");
        command.Validators.Add(result =>
        {
            bool[] scenarios = [result.GetValue(isFanOut), result.GetResult(idle) is not null, result.GetValue(isHandshakes)];
            bool isManaged = result.GetValue(client) is not null || result.GetValue(url) is ['w', 's', 's', ':', ..];
            if (scenarios.Count(isGiven => isGiven) > 1)
                result.AddError("--fanout, --idle and --handshakes are scenarios of their own: give one of them, or none for echo.");
            if (result.GetValue(isFanOut) && isManaged)
                result.AddError("--fanout is for the load generator and ws:// alone: leave --client away.");
            if (!OperatingSystem.IsLinux() && result.GetValue(pid) is not null)
                result.AddError("--pid needs Linux, which tells what another process has consumed.");
            if (!OperatingSystem.IsLinux() && !isManaged)
                result.AddError("The load generator needs Linux, whose epoll it is built on; --client sockeye and ClientWebSocket run anywhere.");
        });
        command.SetAction(async (parsed, cancel) =>
        {
            try
            {
                var plan = new BenchPlan
                {
                    Url = ParseUrl(parsed.GetValue(url)!),
                    Scenario = parsed.GetValue(isFanOut) ? Scenario.FanOut
                        : parsed.GetValue(idle) is not null ? Scenario.Idle
                        : parsed.GetValue(isHandshakes) ? Scenario.Handshakes
                        : Scenario.Echo,
                    Connections = parsed.GetValue(idle) ?? parsed.GetValue(connections),
                    Size = parsed.GetValue(size),
                    Depth = parsed.GetValue(depth),
                    IsBinary = parsed.GetValue(isBinary),
                    IsCompressed = parsed.GetValue(isCompressed),
                    Duration = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                    WarmUp = TimeSpan.FromSeconds(parsed.GetValue(warmUp)),
                    ServerPid = parsed.GetValue(pid),
                    Client = parsed.GetValue(client) switch
                    {
                        null => BenchClient.Generator,
                        "sockeye" => BenchClient.Sockeye,
                        _ => BenchClient.ClientWebSocket,
                    },
                    Tls = TrustedAuthorities.Options(parsed.GetValue(authorities), parsed.GetValue(isInsecure)),
                };
                return await RunAsync(plan, parsed.GetValue(isJson), cancel);
            }
            catch (Exception e) when (e is ArgumentException or IOException or System.Net.Sockets.SocketException)
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

    private static async Task<int> RunAsync(BenchPlan plan, bool isJson, CancellationToken cancel)
    {
        var progress = new BenchProgress();
        BenchResult result = await MeasureAsync(plan, progress, cancel);
        progress.Clear();
        if (result.Messages == 0 && result.Faults.Count == 0)
            result.Faults.Add("nothing came within the time that was measured");
        if (isJson)
            Console.WriteLine(BenchReport.ToJson(result));
        else
            BenchReport.Print(result);
        if (result.Faults.Count == 0)
            return 0;
        await Console.Error.WriteLineAsync($"{result.Faults.Count} errors; the first one: {TerminalText.Escape(result.Faults.First!)}.");
        return 1;
    }

    private static async Task<BenchResult> MeasureAsync(BenchPlan plan, BenchProgress progress, CancellationToken cancel)
    {
        if (plan.Client == BenchClient.Generator && !plan.IsSecure)
        {
            // It blocks in epoll_wait: on a thread of its own, so that the one that listens to Ctrl-C stays free.
            return await Task.Factory.StartNew(
                () =>
                {
                    using RawLoad load = plan.Scenario switch
                    {
                        Scenario.Echo => new EchoLoad(plan, progress, cancel),
                        Scenario.FanOut => new FanOutLoad(plan, progress, cancel),
                        Scenario.Idle => new IdleLoad(plan, progress, cancel),
                        _ => new HandshakeLoad(plan, progress, cancel),
                    };
                    return load.Run();
                },
                cancel,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
        }

        var messages = new BenchMessages(plan);
        var handshake = new BenchHandshake(plan.Url, plan.IsCompressed);
        return await new ManagedLoad(
            plan,
            token => plan.Client switch
            {
                BenchClient.Generator => SecureConnection.ConnectAsync(plan, handshake, messages, token),
                BenchClient.Sockeye => SockeyeConnection.ConnectAsync(plan, messages, token),
                _ => FrameworkConnection.ConnectAsync(plan, messages, token),
            },
            progress,
            cancel).RunAsync();
    }

    private static Uri ParseUrl(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url)
            || (url.Scheme != Uri.UriSchemeWs && url.Scheme != Uri.UriSchemeWss)
            || url.Host.Length == 0
            || url.Fragment.Length > 0)
        {
            throw new ArgumentException($"'{text}' is no address of a WebSocket server: use ws://host:port/path or wss://.");
        }

        return url;
    }

    private static void RequireRange<T>(Option<T> option, T least, T most, string what)
        where T : struct, IComparable<T> =>
        option.Check(value => value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0, $"{option.Name} {what}, {least} to {most}.");
}
