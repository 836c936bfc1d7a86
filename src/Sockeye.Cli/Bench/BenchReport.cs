using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;

namespace Sockeye.Cli.Bench;

/// <summary>Says what was measured: a table for people, JSON for programs.</summary>
internal static class BenchReport
{
    private static readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    public static string ToJson(BenchResult result) => JsonSerializer.Serialize(
        new
        {
            Scenario = result.Plan.Scenario.ToString().ToLowerInvariant(),
            Url = result.Plan.Url.OriginalString,
            result.Plan.Connections,
            result.Plan.Size,
            result.Plan.Depth,
            Binary = result.Plan.IsBinary,
            Compress = result.Plan.IsCompressed,
            Client = result.Plan.ClientName,
            result.Seconds,
            result.Messages,
            result.MessagesPerSecond,
            result.MegabytesPerSecond,
            result.CompressionRatio,
            LatencyMicroseconds = result.Latencies is not { } latencies ? null : new
            {
                P50 = latencies.Percentile(0.5) / 1e3,
                P99 = latencies.Percentile(0.99) / 1e3,
                P999 = latencies.Percentile(0.999) / 1e3,
                Max = latencies.Max / 1e3,
            },
            result.ClientCpuSeconds,
            result.ClientCpuMicrosecondsPerMessage,
            Server = result.Server is not { } server || result.ServerCpuSeconds is not { } cpu ? null : new
            {
                server.Pid,
                CpuSeconds = cpu,
                CpuSecondsPerMillionMessages = result.ServerCpuMicrosecondsPerMessage,
                server.ResidentKiB,
                server.ResidentKiBPerConnection,
            },
            result.IsClientTheLimit,
            Errors = result.Faults.Count,
        },
        _json);

    public static void Print(BenchResult result)
    {
        BenchPlan plan = result.Plan;
        string unit = plan.Scenario switch
        {
            Scenario.FanOut => "delivery",
            Scenario.Handshakes or Scenario.Idle => "connection",
            _ => "message",
        };
        Console.WriteLine(Describe(plan));
        var table = new Table { Border = TableBorder.None };
        table.AddColumn("");
        table.AddColumn(new TableColumn("").RightAligned());
        table.AddColumn("");
        table.HideHeaders();
        if (plan.Scenario != Scenario.Idle)
        {
            Add("rate", $"{result.MessagesPerSecond:N0}", $"a second, {result.Messages:N0} in {result.Seconds:0.00} s");
            if (result.PayloadBytes > 0)
                Add("payload", $"{result.MegabytesPerSecond:N1}", "MB a second");
            if (result.CompressionRatio is { } ratio)
                Add("compressed by the server", $"{ratio:N2}", "times smaller");
        }

        if (result.Latencies is { } latencies)
        {
            foreach ((string name, double share) in ((string, double)[])[("median", 0.5), ("99 %", 0.99), ("99.9 %", 0.999), ("longest", 1)])
                Add($"latency, {name}", $"{latencies.Percentile(share) / 1e3:N1}", "µs");
        }

        Add("client's processor time", $"{result.ClientCpuMicrosecondsPerMessage:N3}", $"µs a {unit}, {Share(result.ClientCpuSeconds)} of a core");
        if (result.ServerCpuSeconds is { } cpu)
            Add("server's processor time", $"{result.ServerCpuMicrosecondsPerMessage:N3}", $"µs a {unit}, {Share(cpu)} of a core");
        if (result.Server is { } server)
            Add("server's resident memory", $"{server.ResidentKiB:N0}", $"KiB, {server.ResidentKiBPerConnection:N2} a connection");
        Add("errors", $"{result.Faults.Count:N0}", "");
        AnsiConsole.Write(table);
        if (result.IsClientTheLimit)
            Console.WriteLine("The client was the limit: only processor times compare, not the rate.");

        if (plan.IsSecure && plan.Client == BenchClient.Generator)
            Console.WriteLine("Over TLS each connection is a task of its own, which costs more than the loop of the generator.");

        string Share(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds / result.Seconds * 100:0} %");

        void Add(string name, string value, string explanation) => table.AddRow(name, value, Markup.Escape(explanation));
    }

    private static string Describe(BenchPlan plan)
    {
        string message = string.Create(CultureInfo.InvariantCulture,
            $"{plan.Size:N0} B {(plan.IsBinary ? "binary" : "text")}{(plan.IsCompressed ? ", compressed" : "")}, {plan.Depth} in flight");
        string what = plan.Scenario switch
        {
            Scenario.FanOut => $"from 1 to {plan.Connections} connections, {message}",
            Scenario.Idle => $"{plan.Connections} idle connections",
            Scenario.Handshakes => $"{plan.Connections} connections at a time, opened and closed",
            _ => $"echo on {plan.Connections} connections, {message}",
        };
        return $"{plan.ClientName} against {TerminalText.Escape(plan.Url.OriginalString)}: {what}";
    }
}
