using System.Net;

namespace Sockeye;

/// <summary>Names a pipe of Windows to listen on: what a Unix domain socket is elsewhere.</summary>
/// <remarks>Only processes of the same user can connect. On other systems than Windows the runtime makes a Unix domain socket of it, whose
/// path it chooses: <see cref="System.Net.Sockets.UnixDomainSocketEndPoint"/> says where it is. WebSocket clients reach a pipe by
/// <see cref="WebSocketClient.ConnectAsync(Stream, Uri, WebSocketClientOptions?, CancellationToken)"/> over a
/// <see cref="System.IO.Pipes.NamedPipeClientStream"/>.</remarks>
public sealed class PipeEndPoint : EndPoint
{
    /// <summary>Names a pipe.</summary>
    /// <param name="name">The name, such as <c>chat</c> for <c>\\.\pipe\chat</c>.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public PipeEndPoint(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
    }

    /// <summary>Gets the name.</summary>
    public string Name { get; }

    /// <inheritdoc/>
    public override string ToString() => $"pipe {Name}";

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is PipeEndPoint other && other.Name == Name;

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);
}
