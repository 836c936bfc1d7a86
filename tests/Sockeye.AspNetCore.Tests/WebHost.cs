using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Sockeye.Protocol;

namespace Sockeye.AspNetCore.Tests;

/// <summary>Names how a client comes to Kestrel.</summary>
public enum Road
{
    /// <summary>HTTP/1.1, below which lies a socket.</summary>
    Http11,

    /// <summary>HTTP/1.1 over TLS.</summary>
    Http11Tls,

    /// <summary>HTTP/2 by prior knowledge.</summary>
    Http2,

    /// <summary>HTTP/2 over TLS.</summary>
    Http2Tls,

    /// <summary>HTTP/1.1, below which lies a socket of an event loop.</summary>
    EventLoop,

    /// <summary>HTTP/1.1 over TLS, likewise.</summary>
    EventLoopTls,

    /// <summary>HTTP/2 over TLS, likewise.</summary>
    EventLoopHttp2,
}

/// <summary>Runs an application on Kestrel, on a free port of this machine.</summary>
internal sealed class WebHost : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>A client's Close with 1000.</summary>
    public static readonly byte[] CloseFrame = Frame(Opcode.Close, [0x03, 0xE8]);

    private static readonly X509Certificate2 Certificate = MakeCertificate();

    private readonly WebApplication _app;

    private WebHost(WebApplication app, Road road)
    {
        _app = app;
        Road = road;
        string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Port = new Uri(address).Port;
    }

    public Road Road { get; }

    public int Port { get; }

    public string Host => $"localhost:{Port}";

    public IServiceProvider Services => _app.Services;

    private bool IsTls => HasTls(Road);

    private bool IsHttp2 => HasHttp2(Road);

    public static async Task<WebHost> StartAsync(
        Action<WebApplication> map,
        Action<IServiceCollection>? services = null,
        Road road = Road.Http11,
        Action<KestrelServerOptions>? kestrel = null,
        Action<WebApplicationBuilder>? configure = null,
        X509Certificate2? certificate = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        configure?.Invoke(builder);
        services?.Invoke(builder.Services);
        builder.WebHost.ConfigureKestrel(options =>
        {
            kestrel?.Invoke(options);
            options.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HasHttp2(road) ? HttpProtocols.Http2 : HttpProtocols.Http1;
                if (HasTls(road))
                    listen.UseHttps(certificate ?? Certificate);
            });
        });
        builder.WebHost.UseKestrelHttpsConfiguration();
        if (road >= Road.EventLoop)
            builder.WebHost.UseEventLoops();
        WebApplication app = builder.Build();
        map(app);
        await app.StartAsync();
        return new WebHost(app, road);
    }

    public static bool HasTls(Road road) => road is Road.Http11Tls or Road.Http2Tls or Road.EventLoopTls or Road.EventLoopHttp2;

    public static bool HasHttp2(Road road) => road is Road.Http2 or Road.Http2Tls or Road.EventLoopHttp2;

    public static async Task EchoAsync(WebSocketConnection socket, CancellationToken cancel)
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            await socket.SendAsync(message, cancel);
    }

    /// <summary>Makes a frame as a client sends it.</summary>
    public static byte[] Frame(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        var writer = new ArrayBufferWriter<byte>();
        FrameWriter.WriteFrame(writer, opcode, payload, isFinal: true, 0x04030201u);
        return writer.WrittenSpan.ToArray();
    }

    /// <summary>Connects with the client of the framework, which speaks HTTP/2 too.</summary>
    public async Task<ClientWebSocket> ConnectAsync(string path, Action<ClientWebSocketOptions>? configure = null)
    {
        var client = new ClientWebSocket();
        client.Options.HttpVersion = IsHttp2 ? HttpVersion.Version20 : HttpVersion.Version11;
        client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        configure?.Invoke(client.Options);
        using var invoker = new HttpMessageInvoker(Handler());
        using var patience = new CancellationTokenSource(Patience);
        await client.ConnectAsync(new Uri($"{(IsTls ? "wss" : "ws")}://{Host}{path}"), invoker, patience.Token);
        return client;
    }

    /// <summary>Connects with the client of Sockeye, which speaks HTTP/1.1.</summary>
    public async Task<WebSocketConnection> OpenAsync(string path, WebSocketClientOptions? options = null)
    {
        options ??= new WebSocketClientOptions();
        if (IsTls)
            options = options with { Tls = Trusting() };
        return await WebSocketClient.ConnectAsync($"{(IsTls ? "wss" : "ws")}://{Host}{path}", options).WaitAsync(Patience);
    }

    /// <summary>Sends a request as it is, and reads up to the end of the connection.</summary>
    public async Task<string> AskAsync(string request)
    {
        using var raw = await ConnectRawAsync();
        await raw.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var reader = new StreamReader(raw, Encoding.Latin1);
        return await reader.ReadToEndAsync().WaitAsync(Patience);
    }

    /// <summary>Shakes hands, and gives what carries the frames, over HTTP/2 as well.</summary>
    public async Task<Stream> OpenStreamAsync(string path, string? extensions = null)
    {
        if (IsHttp2)
        {
            var request = new HttpRequestMessage(HttpMethod.Connect, new Uri($"{(IsTls ? "https" : "http")}://{Host}{path}"))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            request.Headers.Protocol = "websocket";
            request.Headers.Add("Sec-WebSocket-Version", "13");
            if (extensions is not null)
                request.Headers.Add("Sec-WebSocket-Extensions", extensions);
            HttpResponseMessage response = await new HttpMessageInvoker(Handler()).SendAsync(request, default).WaitAsync(Patience);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return await response.Content.ReadAsStreamAsync().WaitAsync(Patience);
        }

        Stream raw = await ConnectRawAsync();
        await raw.WriteAsync(Encoding.Latin1.GetBytes(
            $"GET {path} HTTP/1.1\r\nHost: {Host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
            (extensions is null ? "\r\n" : $"Sec-WebSocket-Extensions: {extensions}\r\n\r\n")));
        byte[] one = new byte[1];
        for (var head = new StringBuilder(); !head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal); head.Append((char)one[0]))
            await raw.ReadExactlyAsync(one).AsTask().WaitAsync(Patience);
        return raw;
    }

    /// <summary>Connects, TLS included.</summary>
    public async Task<Stream> ConnectRawAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, Port).WaitAsync(Patience);
        var stream = new NetworkStream(socket, ownsSocket: true);
        if (!IsTls)
            return stream;
        var tls = new SslStream(stream);
        await tls.AuthenticateAsClientAsync(Trusting()).WaitAsync(Patience);
        return tls;
    }

    public Task StopAsync() => _app.StopAsync().WaitAsync(Patience);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _app.DisposeAsync();
    }

    private static SocketsHttpHandler Handler() => new() { SslOptions = Trusting() };

    public static SslClientAuthenticationOptions Trusting() => new()
    {
        TargetHost = "localhost",
        RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost",
    };

    private static X509Certificate2 MakeCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
