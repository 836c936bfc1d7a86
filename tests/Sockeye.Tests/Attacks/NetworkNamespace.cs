using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Sockeye.Tests.Attacks;

/// <summary>A network of its own on this machine, at the other end of a cable that can be pulled: for peers that vanish without a word.</summary>
internal sealed class NetworkNamespace : IAsyncDisposable
{
    private const int NewNetwork = 0x40000000;

    // CAP_NET_ADMIN and CAP_SYS_ADMIN
    private const ulong Capabilities = (1UL << 12) | (1UL << 21);

    private readonly string _name;
    private readonly string _near;
    private readonly string _far;
    private readonly IPAddress _address;

    private NetworkNamespace(int number)
    {
        _name = $"sockeye{number}";
        _near = $"sk{number}a";
        _far = $"sk{number}b";
        // A network of four addresses, of those that are set aside for such tests (RFC 2544).
        int network = number % 16_384 * 4;
        Near = new IPAddress([198, 18, (byte)(network >> 8), (byte)(network + 1)]);
        _address = new IPAddress([198, 18, (byte)(network >> 8), (byte)(network + 2)]);
    }

    /// <summary>Gets whether this process may make one: as root in a container it may not.</summary>
    public static bool IsAvailable =>
        OperatingSystem.IsLinux()
        && (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "ip")))
        && File.ReadLines("/proc/self/status").FirstOrDefault(entry => entry.StartsWith("CapEff:", StringComparison.Ordinal)) is { } line
        && (ulong.Parse(line["CapEff:".Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & Capabilities) == Capabilities;

    private IPAddress Near { get; }

    public static async Task<NetworkNamespace> CreateAsync()
    {
        var made = new NetworkNamespace(Environment.ProcessId);
        try
        {
            await made.RunAsync("netns", "add", made._name);
            await made.RunAsync("link", "add", made._near, "type", "veth", "peer", "name", made._far, "netns", made._name);
            await made.RunAsync("address", "add", $"{made.Near}/30", "dev", made._near);
            await made.RunAsync("link", "set", made._near, "up");
            await made.RunAsync("-n", made._name, "address", "add", $"{made._address}/30", "dev", made._far);
            await made.RunAsync("-n", made._name, "link", "set", made._far, "up");
            return made;
        }
        catch (Exception)
        {
            await made.DisposeAsync();
            throw;
        }
    }

    /// <summary>Listens in it, on a free port.</summary>
    public Socket Listen()
    {
        var listener = new TaskCompletionSource<Socket>();
        // A socket belongs to the network of the thread that made it, and that is this thread's alone.
        new Thread(() =>
        {
            try
            {
                using SafeFileHandle network = File.OpenHandle($"/var/run/netns/{_name}", share: FileShare.ReadWrite | FileShare.Delete);
                if (SetNamespace((int)network.DangerousGetHandle(), NewNetwork) != 0)
                    throw new Win32Exception();
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(_address, 0));
                socket.Listen();
                listener.SetResult(socket);
            }
            catch (Exception e)
            {
                listener.SetException(e);
            }
        }).Start();
        return listener.Task.GetAwaiter().GetResult();
    }

    /// <summary>Pulls the cable: from now on nothing passes, and nobody is told.</summary>
    public Task CutAsync() => RunAsync("-n", _name, "link", "set", _far, "down");

    public async ValueTask DisposeAsync()
    {
        // Sockets keep a network alive: what connects it goes first.
        await Record.ExceptionAsync(() => RunAsync("link", "delete", _near));
        await Record.ExceptionAsync(() => RunAsync("netns", "delete", _name));
    }

    private async Task RunAsync(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("ip", arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        string error = await process.StandardError.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {error}");
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static extern int SetNamespace(int descriptor, int kind);
}
