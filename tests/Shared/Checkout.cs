namespace Sockeye.Testing;

/// <summary>The checkout that the tests run from. The paths that the compiler writes down are no guide to it: a CI build maps them away.</summary>
internal static class Checkout
{
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Sockeye.slnx")))
                return folder.FullName;
        }

        throw new InvalidOperationException($"No Sockeye.slnx above {AppContext.BaseDirectory}: the tests run inside the repository.");
    }
}
