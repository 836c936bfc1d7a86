using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>Connections to the same host resume its TLS session: the server proves who it is once, and sends no certificate again.</summary>
public sealed class TlsResumptionTests
{
    [Theory]
    [InlineData("context", SslProtocols.Tls13, true)]
    [InlineData("context", SslProtocols.Tls12, true)]
    [InlineData("context", SslProtocols.None, true)]
    [InlineData("context", SslProtocols.None, false)]
    [InlineData("certificate", SslProtocols.None, true)]
    [InlineData("selection", SslProtocols.None, true)]
    [InlineData("file", SslProtocols.None, true)]
    public async Task ConnectAsync_to_the_same_host_again_resumes_the_session(string serving, SslProtocols protocols, bool loops)
    {
        // Sessions are kept by name, in the whole process.
        string name = $"{Guid.NewGuid():N}.example";
        using X509Certificate2 certificate = TestCertificates.For(name);
        EventLoopOptions? eventLoop = loops ? EventLoopOptions.Default : null;
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Tls = Serving(serving, certificate), EventLoop = eventLoop });

        long first = await ConversationAsync(test, name, protocols, eventLoop, resumes: true);
        for (int again = 0; again < 3; again++)
        {
            long resumed = await ConversationAsync(test, name, protocols, eventLoop, resumes: true);
            Assert.InRange(resumed, 1, first - certificate.RawData.Length);
        }

        long whole = await ConversationAsync(test, name, protocols, eventLoop, resumes: false);
        Assert.InRange(whole, first - certificate.RawData.Length + 1, long.MaxValue);
    }

    private static SslServerAuthenticationOptions Serving(string how, X509Certificate2 certificate)
    {
        switch (how)
        {
            case "context":
                return new() { ServerCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true) };
            case "certificate":
                return TestCertificates.Serving(certificate);
            case "selection":
                return new() { ServerCertificateSelectionCallback = (_, _) => certificate };
            default:
                string path = Path.GetTempFileName();
                File.WriteAllBytes(path, certificate.Export(X509ContentType.Pkcs12));
                SslServerAuthenticationOptions options = ServerCertificate.FromFile(path);
                File.Delete(path);
                return options;
        }
    }

    /// <summary>Opens a connection, says something and closes it.</summary>
    /// <returns>How many bytes came from the server.</returns>
    private static async Task<long> ConversationAsync(
        ServerTest test, string name, SslProtocols protocols, EventLoopOptions? eventLoop, bool resumes)
    {
        using Socket listener = EventLoops.LoopPeers.Listen();
        Task<long> relaying = RelayAsync(listener, test.Server.EndPoints[0]);
        SslClientAuthenticationOptions tls = TestCertificates.Trusting();
        tls.TargetHost = name;
        tls.EnabledSslProtocols = protocols;
        tls.AllowTlsResume = resumes;
        await using (WebSocketConnection socket = await WebSocketClient.ConnectAsync(
            $"wss://127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}", new() { Tls = tls, EventLoop = eventLoop }).Soon())
        {
            await socket.SendTextAsync("hello");
            Assert.Equal("hello", (await socket.ReceiveAsync()).GetText());
            Assert.True((await socket.CloseAsync().WaitAsync(ServerTest.Patience)).IsClean);
        }

        return await relaying.Soon();
    }

    private static async Task<long> RelayAsync(Socket listener, EndPoint server)
    {
        using Socket near = await listener.AcceptAsync();
        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await far.ConnectAsync(server);
        Task<long> up = PumpAsync(near, far);
        long down = await PumpAsync(far, near);
        await up;
        return down;
    }

    private static async Task<long> PumpAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[16 * 1024];
        long total = 0;
        try
        {
            for (int count; (count = await from.ReceiveAsync(buffer)) > 0; total += count)
                await to.SendAsync(buffer.AsMemory(0, count));
            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // One side is gone: what it has said is counted.
        }

        return total;
    }
}
