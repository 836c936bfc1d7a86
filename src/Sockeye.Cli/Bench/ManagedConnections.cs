using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using Sockeye.Protocol;

namespace Sockeye.Cli.Bench;

/// <summary>The frames of the generator over TLS.</summary>
internal sealed class SecureConnection : IManagedConnection
{
    private const int LargestBuffer = 64 * 1024;
    private const int SmallestBuffer = 4 * 1024;

    private static readonly byte[] _close = BenchMessages.CreateClose();

    private readonly SslStream _stream;
    private readonly BenchMessages _messages;
    private readonly ReplyReader _reader;
    private readonly byte[] _buffer;
    private int _next;

    private SecureConnection(SslStream stream, BenchMessages messages, int verified)
    {
        _stream = stream;
        _messages = messages;
        _reader = new ReplyReader(messages, verified);
        _buffer = new byte[Math.Clamp(verified * messages.Size, SmallestBuffer, LargestBuffer)];
    }

    public static async Task<IManagedConnection> ConnectAsync(
        BenchPlan plan, BenchHandshake handshake, BenchMessages messages, CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        SslStream? stream = null;
        try
        {
            await socket.ConnectAsync(new DnsEndPoint(plan.Url.DnsSafeHost, plan.Url.Port), cancel);
            stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = plan.Url.DnsSafeHost,
                    CertificateChainPolicy = plan.Tls?.CertificateChainPolicy,
                    RemoteCertificateValidationCallback = plan.Tls?.RemoteCertificateValidationCallback,
                },
                cancel);
            var connection = new SecureConnection(stream, messages, plan.Depth);
            await connection.OpenAsync(handshake, cancel);
            return connection;
        }
        catch
        {
            stream?.Dispose();
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask SendAsync(int count)
    {
        for (int together; count > 0; count -= together)
        {
            together = Math.Min(count, _messages.Count - _next);
            int start = _messages.Starts[_next];
            int end = _messages.Starts[_next + together];
            _next = (_next + together) % _messages.Count;
            await _stream.WriteAsync(_messages.Frames.AsMemory(start..end));
        }
    }

    public async ValueTask<int> ReceiveAsync()
    {
        while (true)
        {
            int size = await _stream.ReadAsync(_buffer);
            int count = _reader.Read(_buffer.AsSpan(0, size));
            if (_reader.Fault is not null)
                throw new IOException(_reader.Fault);
            if (_reader.HasPing)
                await _stream.WriteAsync(BenchMessages.CreateControl(Opcode.Pong, _reader.TakePing()));
            if (_reader.CloseCode is { } code)
                throw new IOException($"the server closed the connection with code {code}");
            if (size == 0)
                throw new IOException("the server ended the connection");
            if (count > 0)
                return count;
        }
    }

    public async Task CloseAsync()
    {
        await _stream.WriteAsync(_close);
        while (_reader.CloseCode is null)
        {
            int size = await _stream.ReadAsync(_buffer);
            _reader.Read(_buffer.AsSpan(0, size));
            if (size == 0)
                throw new IOException("the server ended the connection without an answer to Close");
        }
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private async Task OpenAsync(BenchHandshake handshake, CancellationToken cancel)
    {
        await _stream.WriteAsync(handshake.Request, cancel);
        for (int had = 0; ;)
        {
            int size = await _stream.ReadAsync(_buffer.AsMemory(had), cancel);
            had += size;
            if (handshake.TryRead(_buffer.AsSpan(0, had), out int response))
            {
                _reader.Read(_buffer.AsSpan(response, had - response));
                return;
            }

            if (size == 0 || had == _buffer.Length)
                throw new IOException("The server ended the connection during the handshake, or its response is too long.");
        }
    }
}

/// <summary>A connection of <see cref="WebSocketClient"/>.</summary>
internal sealed class SockeyeConnection(WebSocketConnection socket, BenchMessages messages, int verified) : IManagedConnection
{
    private readonly WebSocketMessageKind _kind = messages.Opcode == Opcode.Text ? WebSocketMessageKind.Text : WebSocketMessageKind.Binary;
    private readonly ReplyCheck _check = new(messages, verified);
    private int _next;

    public static async Task<IManagedConnection> ConnectAsync(BenchPlan plan, BenchMessages messages, CancellationToken cancel)
    {
        var options = new WebSocketClientOptions
        {
            PerMessageDeflate = plan.IsCompressed ? PerMessageDeflateOptions.Default : null,
            Tls = plan.Tls,
        };
        return new SockeyeConnection(await WebSocketClient.ConnectAsync(plan.Url, options, cancel), messages, plan.Depth);
    }

    public async ValueTask SendAsync(int count)
    {
        for (int i = 0; i < count; i++)
            await socket.SendAsync(messages.PayloadOf(_next++), _kind);
    }

    public async ValueTask<int> ReceiveAsync()
    {
        WebSocketMessage received = await socket.ReceiveAsync();
        if (received.IsEnd)
            throw new WebSocketClosedException(await socket.Closed);
        _check.Take(received.Span, received.Kind == _kind);
        return 1;
    }

    public async Task CloseAsync() => await socket.CloseAsync();

    public ValueTask DisposeAsync() => socket.DisposeAsync();
}

/// <summary>A connection of the framework's client.</summary>
internal sealed class FrameworkConnection(ClientWebSocket socket, BenchMessages messages, int verified) : IManagedConnection
{
    private readonly WebSocketMessageType _kind = messages.Opcode == Opcode.Text ? WebSocketMessageType.Text : WebSocketMessageType.Binary;
    private readonly byte[] _buffer = new byte[messages.Size + 1];
    private readonly ReplyCheck _check = new(messages, verified);
    private int _next;

    public static async Task<IManagedConnection> ConnectAsync(BenchPlan plan, BenchMessages messages, CancellationToken cancel)
    {
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.DangerousDeflateOptions = plan.IsCompressed ? new WebSocketDeflateOptions() : null;
            socket.Options.RemoteCertificateValidationCallback = plan.Tls switch
            {
                { RemoteCertificateValidationCallback: { } callback } => callback,
                { CertificateChainPolicy: { } policy } => (_, certificate, chain, errors) =>
                {
                    chain!.ChainPolicy = policy;
                    return (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == 0
                        && chain.Build(new System.Security.Cryptography.X509Certificates.X509Certificate2(certificate!));
                },
                _ => null,
            };
            await socket.ConnectAsync(plan.Url, cancel);
            return new FrameworkConnection(socket, messages, plan.Depth);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask SendAsync(int count)
    {
        for (int i = 0; i < count; i++)
            await socket.SendAsync(messages.PayloadOf(_next++), _kind, endOfMessage: true, CancellationToken.None);
    }

    public async ValueTask<int> ReceiveAsync()
    {
        int size = 0;
        ValueWebSocketReceiveResult received;
        do
        {
            received = await socket.ReceiveAsync(_buffer.AsMemory(size), CancellationToken.None);
            size += received.Count;
        }
        while (!received.EndOfMessage && size < _buffer.Length);
        if (received.MessageType == WebSocketMessageType.Close)
            throw new IOException($"the server closed the connection with code {(int?)socket.CloseStatus}");
        _check.Take(_buffer.AsSpan(0, size), received.MessageType == _kind);
        return 1;
    }

    public Task CloseAsync() => socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return default;
    }
}

/// <summary>Looks at the messages that a library gives out as <see cref="ReplyReader"/> does.</summary>
internal sealed class ReplyCheck(BenchMessages sent, int verified)
{
    private int _verified;

    public void Take(ReadOnlySpan<byte> payload, bool isOfKind)
    {
        if (!isOfKind)
            throw new IOException("the server sent a message of another kind than was sent to it");
        if (payload.Length != sent.Size)
            throw new IOException($"the server sent {payload.Length} bytes instead of {sent.Size}");
        if (_verified == verified)
            return;
        if (!payload.SequenceEqual(sent.PayloadOf(_verified++).Span))
            throw new IOException("the server sent other bytes than were sent to it");
    }
}
