using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Sockeye.Interop.Tests;

/// <summary>A real proxy, on a free port of this machine. It asks for the name and the password below.</summary>
internal sealed class ProxyProcess : IAsyncDisposable
{
    public const string UserName = "name";
    public const string Password = "secret1"; // tinyproxy takes letters and digits alone

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _folder;
    private readonly PeerProcess _process;
    private readonly int _port;
    private readonly string _scheme;

    private ProxyProcess(DirectoryInfo folder, PeerProcess process, int port, string scheme)
    {
        _folder = folder;
        _process = process;
        _port = port;
        _scheme = scheme;
    }

    /// <summary>Gets the address, with the credentials that it accepts.</summary>
    public string Address => AddressFor(UserName, Password);

    public string AddressFor(string userName, string password) =>
        $"{_scheme}://{Uri.EscapeDataString(userName)}:{Uri.EscapeDataString(password)}@localhost:{_port}";

    /// <summary>Starts a proxy: tinyproxy, squid, squid by TLS, or microsocks.</summary>
    public static async Task<ProxyProcess> StartAsync(string kind)
    {
        // Another program may take the port before the proxy does.
        for (int attempt = 0; ; attempt++)
        {
            ProxyProcess proxy = Start(kind, FreePort());
            if (await proxy.ListensAsync())
                return proxy;
            string output = proxy._process.Output;
            await proxy.DisposeAsync();
            Assert.True(attempt < 3, $"{kind} does not listen. It printed:\n{output}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private static ProxyProcess Start(string kind, int port)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sockeye-proxy-");
        if (kind == "microsocks")
        {
            return new ProxyProcess(
                folder, PeerProcess.Start("microsocks", "-i", "127.0.0.1", "-p", $"{port}", "-u", UserName, "-P", Password), port, "socks5");
        }

        string configuration = Path.Combine(folder.FullName, "configuration");
        if (kind == "tinyproxy")
        {
            File.WriteAllText(
                configuration, $"Port {port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 100\nLogLevel Critical\nBasicAuth {UserName} {Password}\n");
            return new ProxyProcess(folder, PeerProcess.Start("tinyproxy", "-d", "-c", configuration), port, "http");
        }

        File.WriteAllText(configuration, SquidConfiguration(folder, port, isSecure: kind == "squid by TLS"));
        LetOthersRead(folder);
        return new ProxyProcess(
            folder, PeerProcess.Start("/usr/sbin/squid", "-N", "-f", configuration), port, kind == "squid" ? "http" : "https");
    }

    /// <summary>Opens a folder to squid, which lays its rights down, and to its helper.</summary>
    private static void LetOthersRead(DirectoryInfo folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        foreach (FileInfo file in folder.GetFiles())
            file.UnixFileMode |= UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        folder.UnixFileMode |= UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
    }

    private static string SquidConfiguration(DirectoryInfo folder, int port, bool isSecure)
    {
        string users = Path.Combine(folder.FullName, "users");
        using Process hash = Process.Start(
            new ProcessStartInfo("openssl", ["passwd", "-apr1", Password]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        File.WriteAllText(users, $"{UserName}:{hash.StandardOutput.ReadToEnd()}");
        string listen = isSecure
            ? $"https_port 127.0.0.1:{port} tls-cert={Peers.Certificate("server.pem")} tls-key={Peers.Certificate("server.key")}"
            : $"http_port 127.0.0.1:{port}";
        return $"""
            {listen}
            auth_param basic program /usr/lib/squid/basic_ncsa_auth {users}
            auth_param basic realm proxy
            acl known proxy_auth REQUIRED
            http_access allow known
            http_access deny all
            cache deny all
            cache_log /dev/null
            cache_store_log none
            access_log none
            pid_filename none
            pinger_enable off
            visible_hostname proxy.test

            """;
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private async Task<bool> ListensAsync()
    {
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < Patience && !_process.HasExited)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, _port);
                return true;
            }
            catch (SocketException)
            {
                await Task.Delay(50);
            }
        }

        return false;
    }
}
