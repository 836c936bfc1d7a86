using System.Diagnostics;

namespace Sockeye.Interop.Tests;

/// <summary>Where things lie in the checkout that the tests run from.</summary>
internal static class Repository
{
    private static readonly Lazy<string> LazyCertificates = new(MakeCertificates);

    public static string Root => Testing.Checkout.Root;

    public static string Peers => Path.Combine(Root, "tests", "Sockeye.Interop.Tests", "peers");

    /// <summary>Gets the folder with the test authority and what it issued.</summary>
    public static string Certificates => LazyCertificates.Value;

    /// <summary>Gets the built tool.</summary>
    public static string Tool => Program("Sockeye.Cli");

    /// <summary>Gets a built program, in the same configuration as these tests.</summary>
    public static string Program(string project)
    {
        string configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        return Path.Combine(Root, "artifacts", "bin", project, configuration, $"{project}.dll");
    }

    private static string MakeCertificates()
    {
        string folder = Path.Combine(Root, "artifacts", "certificates");
        using Process process = Process.Start(Path.Combine(Root, "eng", "certificates.sh"), [folder]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return folder;
    }
}
