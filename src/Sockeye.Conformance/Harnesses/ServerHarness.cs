using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Plays cases against a server at a URL, each on a connection of its own.</summary>
internal sealed class ServerHarness : IHarness
{
    private static readonly TimeSpan OpenTimeout = TimeSpan.FromSeconds(5);

    private readonly WebSocketUri _uri;

    /// <summary>Makes the harness.</summary>
    /// <param name="url">The server, such as <c>ws://localhost:9001/</c>.</param>
    /// <exception cref="ArgumentException">The URL is none of a WebSocket server.</exception>
    public ServerHarness(string url) => _uri = WebSocketUri.Parse(url);

    /// <summary>Gets the options of TLS; null checks the server's certificate as the system does.</summary>
    public SslClientAuthenticationOptions? Tls { get; init; }

    /// <summary>Gets whether connections are opened by HTTP/2 (RFC 8441), each on a TCP connection of its own as over HTTP/1.1.
    /// Cases with a handshake of their own, which is written in HTTP/1.1, are not for it.</summary>
    public bool IsHttp2 { get; init; }

    /// <summary>Gets by how much pauses and limits are stretched; 1 is as the rules say.</summary>
    public double Patience { get; init; } = 1;

    /// <summary>Gets the clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Makes sure that something listens, so that a wrong URL is told once and not by every case.</summary>
    /// <exception cref="IOException">Nothing can be reached there.</exception>
    public async Task ProbeAsync(CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(OpenTimeout * Patience);
        try
        {
            await using Link link = await DialAsync(patience.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or AuthenticationException or OperationCanceledException)
        {
            cancel.ThrowIfCancellationRequested();
            throw new IOException($"Cannot connect to {_uri}: {e.Message}", e);
        }
    }

    public async Task<CaseResult> PlayAsync(ConformanceCase testCase, CancellationToken cancel)
    {
        CaseResult result = await PlayOnceAsync(testCase, cancel).ConfigureAwait(false);
        if (!testCase.IsSurvived || !result.IsStrict)
            return result;
        CaseResult next = await PlayOnceAsync(OwnCase.Next, cancel).ConfigureAwait(false);
        return next.IsStrict
            ? result
            : CaseResult.Of(testCase, new Transcript { OpeningFailure = $"The server did not serve the next connection: {next.Explanation}" });
    }

    private async Task<CaseResult> PlayOnceAsync(ConformanceCase testCase, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(OpenTimeout * Patience);
        Opening opening;
        try
        {
            opening = await (IsHttp2 ? OpenHttp2Async(testCase, patience.Token) : OpenAsync(testCase, patience.Token)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException or OperationCanceledException)
        {
            cancel.ThrowIfCancellationRequested();
            string why = e is OperationCanceledException ? $"it took more than {OpenTimeout.TotalSeconds * Patience} s" : e.Message;
            return CaseResult.Of(testCase, new Transcript { OpeningFailure = $"The connection could not be opened: {why}" });
        }

        await using Link link = opening.Link;
        if (opening.RefusalStatus is { } status)
            return CaseResult.Of(testCase, new Transcript { RefusalStatus = status });
        if (opening.Fault is not null)
            return CaseResult.Of(testCase, new Transcript { OpeningFailure = $"The server's answer to the opening handshake is wrong: {opening.Fault}." });
        if (testCase.Deflate is not null && opening.Agreed is null)
            return CaseResult.Of(testCase, new Transcript { IsDeclined = true });

        var settings = new PlaySettings { Role = Role.Client, Deflate = opening.Agreed, Patience = Patience };
        using var play = new CasePlay(testCase, settings);
        TimeSpan duration = await LinkPlayer.PlayAsync(link, opening.Beyond, play, Time, cancel).ConfigureAwait(false);
        return CaseResult.Of(testCase, play.Transcript, duration, play.Log.Entries, opening.Response);
    }

    /// <summary>Connects and shakes hands.</summary>
    private async Task<Opening> OpenAsync(ConformanceCase testCase, CancellationToken cancel)
    {
        Link link = await DialAsync(cancel).ConfigureAwait(false);
        try
        {
            var handshake = new ClientHandshake(_uri.HostHeader, _uri.Target, HandshakeKey.Create(RandomNumberGenerator.GetBytes(HandshakeKey.Size)))
            {
                Extensions = testCase.Deflate?.Offers ?? [],
            };
            if (testCase.Handshake is { } text)
                await text.SendAsync(link.Stream, text.ToBytes(("{host}", handshake.Host), ("{target}", handshake.Target), ("{key}", handshake.Key)), cancel).ConfigureAwait(false);
            else
                await link.Stream.WriteAsync(handshake.CreateRequest().ToBytes(), cancel).ConfigureAwait(false);
            ReceivedHead head = await ReceivedHead.ReadAsync(link.Stream, cancel).ConfigureAwait(false);
            HandshakeFault? fault = head.Fault;
            DeflateParameters? agreed = null;
            HandshakeAgreement? agreement = null;
            string? why = null;
            ResponseHead? response = null;
            if (fault is null
                && ResponseHead.TryParse(head.Bytes.Span, out response, out fault)
                && testCase.RefusalStatuses.Count == 0
                && handshake.TryAccept(response, out agreement, out fault))
            {
                testCase.Deflate?.TryAgree(agreement.Extensions, out agreed, out why);
            }

            return new Opening(link, head.Beyond, fault?.ToString() ?? why, agreed,
                agreement?.Extensions is { Count: > 0 } extensions ? ExtensionHeader.Format(extensions) : null)
            {
                RefusalStatus = testCase.RefusalStatuses.Count > 0 ? response?.StatusCode : null,
            };
        }
        catch
        {
            await link.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Connects, and opens a stream of HTTP/2 by an extended CONNECT.</summary>
    private async Task<Opening> OpenHttp2Async(ConformanceCase testCase, CancellationToken cancel)
    {
        Socket? socket = null;
        var handler = new SocketsHttpHandler { SslOptions = Tls ?? new SslClientAuthenticationOptions(), ConnectCallback = ConnectAsync };
        using var request = new HttpRequestMessage(
            HttpMethod.Connect, $"{(_uri.IsSecure ? Uri.UriSchemeHttps : Uri.UriSchemeHttp)}://{_uri.HostHeader}{_uri.Target}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Protocol = "websocket";
        request.Headers.Add("Sec-WebSocket-Version", "13");
        if (testCase.Deflate is { } terms)
            request.Headers.Add("Sec-WebSocket-Extensions", ExtensionHeader.Format(terms.Offers));
        try
        {
            // Whoever disposes the link ends the connection, and with it all that the handler holds.
            HttpResponseMessage response = await new HttpMessageInvoker(handler).SendAsync(request, cancel).ConfigureAwait(false);
            Stream stream = await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
            string? header = response.Headers.TryGetValues("Sec-WebSocket-Extensions", out var values) ? string.Join(", ", values) : null;
            DeflateParameters? agreed = null;
            string? why = null;
            if (response.StatusCode != HttpStatusCode.OK)
                why = $"status {(int)response.StatusCode}";
            else if (!ExtensionHeader.TryParse(header, out IReadOnlyList<ExtensionOffer>? extensions))
                why = $"Sec-WebSocket-Extensions: {header}";
            else
                testCase.Deflate?.TryAgree(extensions, out agreed, out why);
            return new Opening(new Link(stream, socket!), default, why, agreed, header);
        }
        catch (HttpRequestException e)
        {
            socket?.Dispose();
            throw new IOException(e.Message, e);
        }

        async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken token)
        {
            socket = await ConnectSocketAsync(token).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
    }

    private async Task<Socket> ConnectSocketAsync(CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            EndPoint server = IPAddress.TryParse(_uri.Host, out IPAddress? address)
                ? new IPEndPoint(address, _uri.Port)
                : new DnsEndPoint(_uri.Host, _uri.Port);
            await socket.ConnectAsync(server, cancel).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<Link> DialAsync(CancellationToken cancel)
    {
        Socket socket = await ConnectSocketAsync(cancel).ConfigureAwait(false);
        try
        {
            var stream = new NetworkStream(socket, ownsSocket: false);
            if (!_uri.IsSecure)
                return new Link(stream, socket);

            var tls = new SslStream(stream);
            SslClientAuthenticationOptions options = Tls ?? new SslClientAuthenticationOptions();
            options.TargetHost ??= _uri.Host;
            await tls.AuthenticateAsClientAsync(options, cancel).ConfigureAwait(false);
            return new Link(tls, socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A connection that is open, or was answered wrongly.</summary>
    private sealed record Opening(Link Link, Memory<byte> Beyond, string? Fault, DeflateParameters? Agreed, string? Response)
    {
        /// <summary>Gets how the server answered what it must refuse; null where it must not refuse.</summary>
        public int? RefusalStatus { get; init; }
    }
}
