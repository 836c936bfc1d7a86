using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>A proxy that says what the test says.</summary>
internal sealed class FakeProxy(bool isSecure = false) : IDisposable
{
    private readonly Socket _listener = EventLoops.LoopPeers.Listen();

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Accepts a client, TLS included.</summary>
    public async Task<Stream> AcceptAsync()
    {
        var stream = new NetworkStream(await _listener.AcceptAsync().Soon(), ownsSocket: true);
        if (!isSecure)
            return stream;
        var tls = new SslStream(stream);
        await tls.AuthenticateAsServerAsync(TestCertificates.Serving(TestCertificates.Server)).Soon();
        return tls;
    }

    /// <summary>Accepts a client, reads what it says first, answers and ends.</summary>
    /// <returns>What it said.</returns>
    public async Task<string> AnswerAsync(string answer)
    {
        await using Stream stream = await AcceptAsync();
        string asked = await ReadAsync(stream);
        await stream.WriteAsync(Encoding.Latin1.GetBytes(answer));
        if (!isSecure)
            ((NetworkStream)stream).Socket.Shutdown(SocketShutdown.Send);
        try
        {
            while (await stream.ReadAsync(new byte[1000]).Soon() > 0)
            {
                // What it says besides is nobody's.
            }
        }
        catch (IOException)
        {
            // A reset is an end as well.
        }

        return asked;
    }

    /// <summary>Accepts a client, answers it, and carries bytes between it and a server until both have ended.</summary>
    /// <returns>What it asked.</returns>
    public async Task<string> TunnelAsync(EndPoint server, string answer)
    {
        await using Stream near = await AcceptAsync();
        string asked = "";
        while (!asked.EndsWith("\r\n\r\n", StringComparison.Ordinal))
            asked += await ReadAsync(near);
        await near.WriteAsync(Encoding.Latin1.GetBytes(answer));
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server);
        await using var far = new NetworkStream(socket);
        await Task.WhenAny(near.CopyToAsync(far), far.CopyToAsync(near)).Soon();
        return asked;
    }

    public void Dispose() => _listener.Dispose();

    private static async Task<string> ReadAsync(Stream stream)
    {
        byte[] buffer = new byte[4096];
        return Encoding.Latin1.GetString(buffer, 0, await stream.ReadAsync(buffer).Soon());
    }
}
