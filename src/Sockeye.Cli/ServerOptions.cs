using System.Net;
using System.Net.Sockets;

namespace Sockeye.Cli;

/// <summary>What the serving commands have in common.</summary>
internal static class ServerOptions
{
    public static WebSocketServerOptions Create(string host, int port, FileInfo? certificate, string[]? origins)
    {
        IPAddress address = IPAddress.TryParse(host, out IPAddress? parsed) ? parsed : Dns.GetHostAddresses(host)[0];
        return new WebSocketServerOptions
        {
            Address = address,
            Port = port,
            Tls = certificate is null ? null : ServerCertificate.FromFile(certificate.FullName),
            AllowedOrigins = origins is { Length: > 0 } ? origins : ["*"],
        };
    }

    /// <summary>Runs a server until it is cancelled, and says where it listens.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(WebSocketServer server, WebSocketServerOptions options, CancellationToken cancel)
    {
        try
        {
            await server.StartAsync(cancel);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }

        foreach (EndPoint endPoint in server.EndPoints)
            Console.WriteLine($"Listening on {(options.Tls is null ? "ws" : "wss")}://{endPoint}");
        try
        {
            await Task.Delay(Timeout.Infinite, cancel);
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C: everybody is told, and what has been accepted still leaves.
        }

        await server.StopAsync(CancellationToken.None);
        return 0;
    }
}
