using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Sockeye.Protocol.Tests;

/// <summary>Holds what <c>BannedSymbols.txt</c> promises, in the compiled assembly: no input or output, threads, time, chance or logs.</summary>
public sealed class PurityTests
{
    private static readonly string[] BannedAssemblies =
        ["System.Net", "System.IO", "System.Threading", "System.Console", "System.Diagnostics", "Microsoft", "System.Timers", "System.Linq.Parallel"];

    private static readonly string[] BannedNamespaces =
        ["System.IO", "System.Net", "System.Threading", "System.Timers", "System.Diagnostics.Tracing", "Microsoft.Win32", "Microsoft.Extensions"];

    private static readonly string[] BannedTypes =
    [
        "System.TimeProvider", "System.Random", "System.Console", "System.Security.Cryptography.RandomNumberGenerator", "System.GC",
        "System.Diagnostics.Stopwatch", "System.Diagnostics.Process", "System.Diagnostics.Activity", "System.Diagnostics.ActivitySource",
        "System.Diagnostics.Trace", "System.AppContext", "System.AppDomain",
    ];

    private static readonly string[] BannedMembers =
    [
        "System.DateTime.get_Now", "System.DateTime.get_UtcNow", "System.DateTimeOffset.get_Now", "System.DateTimeOffset.get_UtcNow",
        "System.Environment.get_TickCount", "System.Environment.get_TickCount64", "System.Guid.NewGuid", "System.Guid.CreateVersion7",
        "System.Environment.GetEnvironmentVariable",
    ];

    // An address in a Host header is parsed as one; nothing is sent to it.
    private static readonly string[] Allowed = ["System.Net.Primitives", "System.Net.IPAddress"];

    [Fact]
    public void Sockeye_Protocol_refers_to_nothing_that_waits_or_reaches_out()
    {
        Assembly assembly = typeof(MessageAssembler).Assembly;
        Assert.SkipWhen(
            assembly.GetTypes().Any(type => type.Namespace == "Coverlet.Core.Instrumentation.Tracker"),
            "Coverage is measured: the tracker writes files.");
        Assert.Empty(FindBanned(assembly).Except(Allowed));
    }

    // The check itself: these tests use some of all that.
    [Fact]
    public void Check_finds_what_is_banned_in_an_assembly_that_uses_it()
    {
        _ = DateTime.UtcNow;
        Assert.NotEqual(0, Environment.TickCount64);
        Assert.NotEqual(0, TimeProvider.System.TimestampFrequency);

        string[] found = [.. FindBanned(typeof(PurityTests).Assembly)];

        Assert.Contains("System.Threading.Interlocked", found);
        Assert.Contains("System.Random", found);
        Assert.Contains("System.IO.File", found);
        Assert.Contains("System.TimeProvider", found);
        Assert.Contains("System.DateTime.get_UtcNow", found);
        Assert.Contains("System.Environment.get_TickCount64", found);
    }

    private static IEnumerable<string> FindBanned(Assembly assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly.Location));
        MetadataReader metadata = file.GetMetadataReader();
        string[] assemblies = [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
        string[] types = [.. metadata.TypeReferences.Select(handle => TypeName(metadata, handle))];
        string[] members =
        [
            .. from handle in metadata.MemberReferences
               let member = metadata.GetMemberReference(handle)
               where member.Parent.Kind == HandleKind.TypeReference
               select $"{TypeName(metadata, (TypeReferenceHandle)member.Parent)}.{metadata.GetString(member.Name)}",
        ];
        bool hasImports = metadata.GetTableRowCount(TableIndex.ImplMap) > 0;
        return
        [
            .. assemblies.Where(name => BannedAssemblies.Any(banned => IsWithin(name, banned))),
            .. types.Where(name => BannedTypes.Contains(name) || BannedNamespaces.Any(banned => IsWithin(name, banned))),
            .. members.Where(name => BannedMembers.Contains(name)),
            .. hasImports ? (string[])["native imports"] : [],
        ];
    }

    private static bool IsWithin(string name, string banned) =>
        name == banned || name.StartsWith(banned + ".", StringComparison.Ordinal);

    private static string TypeName(MetadataReader metadata, TypeReferenceHandle handle)
    {
        TypeReference type = metadata.GetTypeReference(handle);
        string name = metadata.GetString(type.Name);
        return type.ResolutionScope.Kind == HandleKind.TypeReference
            ? $"{TypeName(metadata, (TypeReferenceHandle)type.ResolutionScope)}.{name}"
            : $"{metadata.GetString(type.Namespace)}.{name}";
    }
}
