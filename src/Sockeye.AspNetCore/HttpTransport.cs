using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Sockeye.Protocol;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>Carries bytes over what a server of HTTP hands out for an upgrade, for as long as the request lasts.</summary>
/// <remarks>Of Kestrel's HTTP/1.1 it takes the pipes of the connection itself, below HTTP: the upgrade is over, so nobody else reads
/// or writes there. On event loops it takes the socket below those. Of all else it takes the stream that the server gives. Server and
/// request are used while the request lasts and not beyond: they may serve another one then.</remarks>
internal sealed class HttpTransport : Transport
{
    private readonly Lock _sync = new();
    private readonly BufferPool _buffers;
    private readonly bool _isTls;
    private Transport? _inner;
    private EventLoopConnection? _loopConnection;
    private bool _canSayFarewell;
    private IHttpRequestLifetimeFeature? _request;
    private IHttpResponseBodyFeature? _response;
    private bool _isRequestOver;

    /// <summary>Takes the request; nothing is sent yet.</summary>
    public HttpTransport(HttpContext context, BufferPool buffers)
    {
        _buffers = buffers;
        ConnectionInfo connection = context.Connection;
        IConnectionEndPointFeature? known = context.Features.Get<IConnectionEndPointFeature>();
        LocalEndPoint = EndPointOf(connection.LocalIpAddress, connection.LocalPort, known?.LocalEndPoint);
        RemoteEndPoint = EndPointOf(connection.RemoteIpAddress, connection.RemotePort, known?.RemoteEndPoint);
        PeerCertificate = connection.ClientCertificate;
        IsSecure = context.Request.IsHttps;
        // Whoever asks the request for a certificate, as is done here, leaves a feature of the framework's own that says nothing of TLS.
        _isTls = context.Features.Get<ITlsHandshakeFeature>() is not null
            || context.Features.Get<ITlsConnectionFeature>() is not (null or TlsConnectionFeature);
    }

    public override EndPoint? LocalEndPoint { get; }

    public override EndPoint? RemoteEndPoint { get; }

    /// <summary>Gets whether the client came by TLS, which may end at a proxy that the application trusts.</summary>
    public override bool IsSecure { get; }

    /// <summary>Gets the certificate of the client as the host has it, which may have it from a proxy that the application trusts.</summary>
    public override X509Certificate? PeerCertificate { get; }

    public override bool CanShutdown => _response is not null || TakenOver is not null || (_inner is PipeTransport && !_isTls);

    public override long BytesSent => Inner.BytesSent;

    // Below TLS, and below a stream of somebody else's, the connection on a loop goes on as it was.
    private EventLoopConnection? TakenOver => _inner is EventLoopTransport ? _loopConnection : null;

    private Transport Inner => _inner ?? throw new InvalidOperationException("The request has not been accepted.");

    /// <summary>Sends the response that accepts the request, and takes over what carries the bytes from then on.</summary>
    /// <exception cref="InvalidOperationException">The server cannot upgrade the request, or has upgraded too many.</exception>
    public async Task OpenAsync(HttpContext context, ResponseHead response, IHttpExtendedConnectFeature? connect)
    {
        IHttpUpgradeFeature? upgrade = context.Features.Get<IHttpUpgradeFeature>();
        if (connect is null && upgrade is not { IsUpgradableRequest: true })
        {
            throw new InvalidOperationException(
                "The server of HTTP does not upgrade this request (IHttpUpgradeFeature): use Kestrel, IIS or HTTP.sys, and upgrade once.");
        }

        foreach ((string name, string value) in response.Headers)
            context.Response.Headers.Append(name, value);
        context.Features.Get<Microsoft.AspNetCore.Http.Timeouts.IHttpRequestTimeoutFeature>()?.DisableTimeout();
        _request = context.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>();
        if (connect is not null)
        {
            // The limits of bodies are not for a stream that has no end.
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
                size.MaxRequestBodySize = null;
            context.Response.StatusCode = response.StatusCode;
            _inner = new StreamTransport(await connect.AcceptAsync().ConfigureAwait(false), _buffers);
            _response = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        }
        else
        {
            // Before the upgrade: Kestrel forgets it afterwards.
            IDuplexPipe? pipe = context.Features.Get<IConnectionTransportFeature>()?.Transport;
            SslStream? tls = context.Features.Get<ISslStreamFeature>()?.SslStream;
            Stream stream = await upgrade!.UpgradeAsync().ConfigureAwait(false);
            // On event loops the connection itself is that feature.
            _loopConnection = context.Features.Get<IConnectionIdFeature>() as EventLoopConnection;
            // A stream that is not Kestrel's own was put there by somebody who wants to see what passes.
            bool isKestrels = stream.GetType().Assembly == typeof(KestrelServer).Assembly;
            _inner = isKestrels && pipe is EventLoopConnection loop ? await loop.TakeOverAsync(_buffers).ConfigureAwait(false)
                : pipe is not null && isKestrels ? new PipeTransport(pipe, _buffers, isOwned: false, tls)
                : new StreamTransport(stream, _buffers);
            _canSayFarewell = _inner is PipeTransport && tls is not null;
        }
    }

    /// <summary>Forgets the request, which has ended.</summary>
    public void EndRequest()
    {
        lock (_sync)
            _isRequestOver = true;
    }

    public override ValueTask<ReceivedBlock> ReceiveAsync(ArraySegment<byte> direct) => Inner.ReceiveAsync(direct);

    public override void NotifyReceived(ValueTask<ReceivedBlock> receive, IReceiver receiver) => Inner.NotifyReceived(receive, receiver);

    public override void Advance(int consumed) => Inner.Advance(consumed);

    public override void Unread(ReadOnlySpan<byte> bytes) => Inner.Unread(bytes);

    public override SharedMemory Retain() => Inner.Retain();

    public override void ReleaseBlock() => Inner.ReleaseBlock();

    public override ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second) => Inner.SendAsync(first, second);

    public override void ExpectShutdown() => Inner.ExpectShutdown();

    public override bool WatchStalls(IStallObserver observer) => _loopConnection?.WatchStalls(observer) ?? true;

    public override ValueTask ShutdownAsync()
    {
        lock (_sync)
        {
            if (_isRequestOver)
                return default;
            if (_response is not null)
                return new ValueTask(_response.CompleteAsync());
            return CanShutdown || _canSayFarewell ? Inner.ShutdownAsync() : default;
        }
    }

    public override void Abort()
    {
        lock (_sync)
        {
            if (!_isRequestOver)
                Quietly(_request);
        }

        _inner?.Abort();
        TakenOver?.FireClosed();
    }

    public override ValueTask DisposeAsync()
    {
        // First the socket: Kestrel resets it where it hears that the connection has ended.
        ValueTask disposing;
        lock (_sync)
            disposing = _isRequestOver ? default : Inner.DisposeAsync();
        TakenOver?.FireClosed();
        return disposing;
    }

    private static void Quietly(IHttpRequestLifetimeFeature? request)
    {
        try
        {
            request?.Abort();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // An abort has nobody to tell that a server does not like it.
        }
    }

    /// <summary>Makes the end point that the request has, or takes that of its connection where it is the same.</summary>
    private static IPEndPoint? EndPointOf(IPAddress? address, int port, EndPoint? known)
    {
        if (address is null)
            return null;
        return known is IPEndPoint same && same.Port == port && same.Address.Equals(address) ? same : new IPEndPoint(address, port);
    }
}
