using System.Diagnostics;

namespace Sockeye.Protocol.Tests.Framing;

/// <summary>Runs the tests of masking in processes that may use less of the processor: its widest vectors hide the narrower ones.</summary>
public sealed class VectorWidthTests
{
    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public void Masking_with_less_of_the_processor_is_the_same(string switchedOff)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(MaskingTests).Assembly.Location, "-noColor", "-class", typeof(MaskingTests).FullName!])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            Environment = { [switchedOff] = "0" },
        };
        using var run = Process.Start(start)!;
        if (!run.WaitForExit(TimeSpan.FromMinutes(1)))
        {
            run.Kill();
            Assert.Fail("The process did not end within a minute.");
        }

        string output = run.StandardOutput.ReadToEnd();
        Assert.True(run.ExitCode == 0, output);
        Assert.Contains("Failed: 0", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Total: 0", output, StringComparison.Ordinal);
    }
}
