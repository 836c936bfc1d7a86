using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>A proxy of SOCKS 4, or of SOCKS 4a, which is the same with names of hosts: it resolves them. It knows a user by name alone.</summary>
internal sealed class Socks4Tunnel(Uri address, NetworkCredential? credentials) : ProxyTunnel(address, credentials)
{
    private const byte Version = 4;
    private const byte Connect = 1;
    private const byte Granted = 90;

    // An address that cannot be: a name follows.
    private static readonly byte[] ByName = [0, 0, 0, 1];

    protected override async Task AskAsync(
        Stream stream, StreamTransport transport, WebSocketUri uri, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        await stream.WriteAsync(await RequestAsync(uri, deadline).ConfigureAwait(false), CancellationToken.None).ConfigureAwait(false);
        await stream.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        byte[] reply = new byte[8];
        await stream.ReadExactlyAsync(reply, CancellationToken.None).ConfigureAwait(false);
        if (reply[0] != 0)
            throw Failure("does not speak SOCKS 4.");
        if (reply[1] != Granted)
            throw Failure($"did not connect to {uri.Authority}: {ReasonOf(reply[1])}.");
    }

    private async Task<byte[]> RequestAsync(WebSocketUri uri, HandshakeDeadline deadline)
    {
        byte[] user = Encode(Credentials?.UserName ?? "", "name");
        if (user.Contains((byte)0))
            throw Failure("can be given no name that holds a zero byte.");
        byte[] port = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(port, (ushort)uri.Port);
        IPAddress? known = await AddressOfAsync(uri, deadline).ConfigureAwait(false);
        return known is not null
            ? [Version, Connect, .. port, .. known.GetAddressBytes(), .. user, 0]
            : [Version, Connect, .. port, .. ByName, .. user, 0, .. Encoding.ASCII.GetBytes(uri.Host), 0];
    }

    /// <summary>Gets the address to ask for; null where the name is to be resolved by the proxy.</summary>
    private async Task<IPAddress?> AddressOfAsync(WebSocketUri uri, HandshakeDeadline deadline)
    {
        if (IPAddress.TryParse(uri.Host, out IPAddress? own) && own.AddressFamily == AddressFamily.InterNetwork)
            return own;
        if (Address.Scheme == "socks4a")
            return null;
        IPAddress[] addresses = await Dialing.ResolveAsync(uri.Host, deadline).ConfigureAwait(false);
        return Array.Find(addresses, static one => one.AddressFamily == AddressFamily.InterNetwork)
            ?? throw Failure($"speaks SOCKS 4, which leads to IPv4 alone, and {uri.Host} has no such address.");
    }

    private static string ReasonOf(byte reply) => reply switch
    {
        91 => "it refused, or could not reach it",
        92 => "it could not ask this machine who its user is",
        93 => "this machine named another user",
        _ => $"it answered {reply}",
    };
}
