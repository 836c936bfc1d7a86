using System.Text.Json;

namespace Sockeye.Interop.Tests;

/// <summary>The real peers, and how each is started.</summary>
internal static class Peers
{
    private static readonly string[] Deno = ["run", "--quiet", "--allow-all", "--no-lock"];

    public static TheoryData<string, string> Servers { get; } = Pairs("ws", "deno", "python");

    public static TheoryData<string, string> Clients { get; } = Pairs("ws", "deno", "python", "browser");

    public static PeerProcess StartServer(string peer, string scheme, string? deflate = null)
    {
        List<string> arguments = ["--port", "0"];
        if (scheme == "wss")
            arguments.AddRange(["--cert", Certificate("server.pem"), "--key", Certificate("server.key")]);
        if (deflate is not null)
            arguments.AddRange(["--deflate", deflate]);
        return peer switch
        {
            "ws" => PeerProcess.Start("node", ["ws-server.mjs", .. arguments]),
            "deno" => PeerProcess.Start(Path.Combine(Repository.Peers, "node_modules", "deno", "deno"), [.. Deno, "deno-server.ts", .. arguments]),
            "kestrel" => PeerProcess.Start("dotnet", [Repository.Program("KestrelEcho"), .. arguments]),
            _ => PeerProcess.Start("/usr/bin/python3", ["python_server.py", .. arguments]),
        };
    }

    /// <summary>Gets the version of an npm package that is installed.</summary>
    public static string LockedVersion(string package)
    {
        using var description = JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Peers, "package.json")));
        return description.RootElement.GetProperty("dependencies").GetProperty(package).GetString()!;
    }

    public static PeerProcess StartClient(string peer, string url, bool plain = false, int? version = null, string? deflate = null, string? page = null)
    {
        List<string> arguments = [url];
        if (page is not null)
            arguments.AddRange(["--page", page]);
        if (url.StartsWith("wss", StringComparison.Ordinal))
            arguments.AddRange(["--ca", Certificate("ca.pem")]);
        if (plain)
            arguments.Add("--plain");
        if (version is not null)
            arguments.AddRange(["--version", version.Value.ToString()]);
        if (deflate is not null)
            arguments.AddRange(["--deflate", deflate]);
        return peer switch
        {
            "ws" => PeerProcess.Start("node", ["ws-client.mjs", .. arguments]),
            "deno" => PeerProcess.Start(Path.Combine(Repository.Peers, "node_modules", "deno", "deno"), [.. Deno, "deno-client.ts", .. arguments]),
            "browser" => PeerProcess.Start("node", ["browser-client.mjs", .. arguments]),
            _ => PeerProcess.Start("/usr/bin/python3", ["python_client.py", .. arguments]),
        };
    }

    public static string Certificate(string name) => Path.Combine(Repository.Certificates, name);

    private static TheoryData<string, string> Pairs(params string[] peers)
    {
        var pairs = new TheoryData<string, string>();
        foreach (string peer in peers)
        {
            pairs.Add(peer, "ws");
            pairs.Add(peer, "wss");
        }

        return pairs;
    }
}
