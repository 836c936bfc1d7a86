using System.Net;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>An open WebSocket connection.</summary>
public sealed class WebSocketConnection : IAsyncDisposable
{
    internal WebSocketConnection(
        Transport transport, Role role, WebSocketConnectionOptions options, ConnectionDetails details, ReadOnlySpan<byte> received)
    {
        _ = (transport, role, options, details, received.Length);
    }

    /// <summary>Gets how the connection ended, once it has.</summary>
    public Task<CloseResult> Closed => throw new NotSupportedException();

    /// <summary>Gets the peer.</summary>
    public EndPoint? RemoteEndPoint => throw new NotSupportedException();

    /// <summary>Closes.</summary>
    public Task<CloseResult> CloseAsync(CloseCode code = CloseCode.Normal, string reason = "", CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    internal Task<CloseResult> CloseForAsync(CloseCode code, string reason, CloseCause cause) => throw new NotSupportedException();

    internal void Start() => throw new NotSupportedException();

    internal Task RunAsync(Func<WebSocketConnection, CancellationToken, Task> handler) => throw new NotSupportedException();

    /// <summary>Aborts.</summary>
    public void Abort() => throw new NotSupportedException();

    /// <summary>Answers a ping.</summary>
    public ValueTask SendPongAsync(ReadOnlyMemory<byte> payload = default, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <summary>Sends or refuses.</summary>
    public int TrySend(ReadOnlySpan<byte> payload, WebSocketMessageKind kind) => throw new NotSupportedException();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw new NotSupportedException();
}
