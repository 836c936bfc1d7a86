using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Exporters.Json;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using Perfolizer.Horology;

namespace Sockeye.Benchmarks;

/// <summary>How everything here is measured, unless the command line says otherwise (<c>--iterationTime 500 --iterationCount 20</c>): shortly,
/// with the bytes that are allocated on all threads.</summary>
internal sealed class BenchmarkConfig : ManualConfig
{
    public BenchmarkConfig()
    {
        // Shorter than BenchmarkDotNet's short job, whose iterations take half a second: the whole set is run in minutes.
        AddJob(Job.Default
            .WithId("Quick")
            .WithWarmupCount(3)
            .WithIterationCount(7)
            .WithIterationTime(TimeInterval.FromMilliseconds(100))
            .AsDefault());
        // BenchmarkDotNet builds a project of its own; two minutes, its default, are too few on a busy machine.
        WithBuildTimeout(TimeSpan.FromMinutes(10));
        AddDiagnoser(MemoryDiagnoser.Default);
        AddColumnProvider(DefaultColumnProviders.Instance);
        // What to compare on a machine that has other work too.
        AddColumn(StatisticColumn.Min);
        HideColumns(Column.Error, Column.Median, Column.RatioSD, Column.Gen0, Column.Gen1, Column.Gen2, Column.AllocRatio);
        WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(60));
        AddLogger(ConsoleLogger.Default);
        AddExporter(MarkdownExporter.GitHub, JsonExporter.Brief);
        // Of the checkout, from artifacts/bin/Sockeye.Benchmarks/release.
        ArtifactsPath = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../benchmarks"));
    }
}
