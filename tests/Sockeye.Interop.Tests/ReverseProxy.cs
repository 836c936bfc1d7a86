using System.Net;
using System.Net.Sockets;

namespace Sockeye.Interop.Tests;

/// <summary>A real reverse proxy in front of a server, with its configuration of samples/Proxies.</summary>
internal sealed class ReverseProxy : IAsyncDisposable
{
    // A proxy does not listen to its standard input: this ends it when that closes, so that no orphan outlives the tests.
    private const string Leash = "\"$@\" < /dev/null & trap 'kill $!' EXIT; cat > /dev/null";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sockeye-proxy-");
    private readonly PeerProcess _process;

    private ReverseProxy(string name, int backend)
    {
        (Port, TlsPort) = (FreePort(), FreePort());
        File.WriteAllText(
            Path.Combine(_folder.FullName, "server-with-key.pem"),
            File.ReadAllText(Peers.Certificate("server.pem")) + File.ReadAllText(Peers.Certificate("server.key")));
        string file = name == "nginx" ? "nginx.conf" : "haproxy.cfg";
        string text = File.ReadAllText(Path.Combine(Repository.Root, "samples", "Proxies", file))
            .Replace("127.0.0.1:8080", $"127.0.0.1:{backend}", StringComparison.Ordinal)
            .Replace("127.0.0.1:8081", $"127.0.0.1:{Port}", StringComparison.Ordinal)
            .Replace("127.0.0.1:8443", $"127.0.0.1:{TlsPort}", StringComparison.Ordinal)
            .Replace(" server.pem", $" {Peers.Certificate("server.pem")}", StringComparison.Ordinal)
            .Replace(" server.key", $" {Peers.Certificate("server.key")}", StringComparison.Ordinal)
            .Replace(" server-with-key.pem", $" {_folder.FullName}/server-with-key.pem", StringComparison.Ordinal)
            .Replace("http {\n", "http {\n  access_log off;\n  client_body_temp_path body;\n  proxy_temp_path proxy;\n", StringComparison.Ordinal);
        string path = Path.Combine(_folder.FullName, file);
        File.WriteAllText(path, text);
        string[] command = name == "nginx"
            ? ["/usr/sbin/nginx", "-p", _folder.FullName, "-c", path, "-e", "stderr", "-g", "daemon off; master_process off; pid pid;"]
            : ["/usr/sbin/haproxy", "-db", "-f", path];
        _process = PeerProcess.Start("sh", ["-c", Leash, "sh", .. command]);
    }

    public int Port { get; }

    public int TlsPort { get; }

    /// <summary>Starts a proxy.</summary>
    /// <param name="name"><c>nginx</c> or <c>haproxy</c>.</param>
    /// <param name="backend">The port of the server.</param>
    public static async Task<ReverseProxy> StartAsync(string name, int backend)
    {
        var proxy = new ReverseProxy(name, backend);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, proxy.TlsPort, patience.Token);
                return proxy;
            }
            catch (SocketException) when (!proxy._process.HasExited)
            {
                await Task.Delay(20, patience.Token);
            }
            catch (SocketException e)
            {
                throw new InvalidOperationException($"{name} did not start: {proxy._process.Output}", e);
            }
        }
    }

    public string UrlOf(string scheme) => $"{scheme}://localhost:{(scheme is "wss" or "https" ? TlsPort : Port)}/";

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
