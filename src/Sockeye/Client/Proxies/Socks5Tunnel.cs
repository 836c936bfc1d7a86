using System.Buffers.Binary;
using System.Net;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>A proxy of SOCKS 5 (RFC 1928), with a name and a password where it wants them (RFC 1929). It resolves the names of hosts.</summary>
internal sealed class Socks5Tunnel(Uri address, NetworkCredential? credentials) : ProxyTunnel(address, credentials)
{
    private const byte Version = 5;
    private const byte Connect = 1;
    private const byte NoAuthentication = 0;
    private const byte NameAndPassword = 2;
    private const byte AuthenticationVersion = 1;
    private const byte IPv4 = 1;
    private const byte Name = 3;
    private const byte IPv6 = 4;

    protected override async Task AskAsync(
        Stream stream, StreamTransport transport, WebSocketUri uri, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        byte[] methods = Credentials is null ? [NoAuthentication] : [NoAuthentication, NameAndPassword];
        await WriteAsync(stream, [Version, (byte)methods.Length, .. methods]).ConfigureAwait(false);
        byte[] choice = await ReadAsync(stream, 2).ConfigureAwait(false);
        CheckVersion(choice[0]);
        if (choice[1] == NameAndPassword && Credentials is not null)
            await AuthenticateAsync(stream, Credentials).ConfigureAwait(false);
        else if (choice[1] != NoAuthentication)
            throw Failure(Credentials is null
                ? "wants credentials: write them into its address, socks5://name:password@host:port."
                : "accepts no way of authentication that is known here.");

        await WriteAsync(stream, [Version, Connect, 0, .. Destination(uri)]).ConfigureAwait(false);
        byte[] reply = await ReadAsync(stream, 5).ConfigureAwait(false);
        CheckVersion(reply[0]);
        if (reply[1] != 0)
            throw Failure($"did not connect to {uri.Authority}: {ReasonOf(reply[1])}.");

        // Its own address, of which a byte has been read; then a port.
        int rest = reply[3] switch { IPv4 => 3, IPv6 => 15, Name => reply[4], _ => throw Failure("answered with an address of an unknown kind.") };
        await ReadAsync(stream, rest + 2).ConfigureAwait(false);
    }

    private async Task AuthenticateAsync(Stream stream, NetworkCredential credentials)
    {
        byte[] name = Encode(credentials.UserName, "name");
        byte[] password = Encode(credentials.Password, "password");
        await WriteAsync(stream, [AuthenticationVersion, (byte)name.Length, .. name, (byte)password.Length, .. password]).ConfigureAwait(false);
        byte[] verdict = await ReadAsync(stream, 2).ConfigureAwait(false);
        if (verdict[1] != 0)
            throw Failure("does not accept these credentials.");
    }

    private byte[] Destination(WebSocketUri uri)
    {
        byte[] port = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(port, (ushort)uri.Port);
        if (IPAddress.TryParse(uri.Host, out IPAddress? address))
            return [address.GetAddressBytes().Length == 4 ? IPv4 : IPv6, .. address.GetAddressBytes(), .. port];
        byte[] host = Encode(uri.Host, "host");
        return [Name, (byte)host.Length, .. host, .. port];
    }

    private void CheckVersion(byte version)
    {
        if (version != Version)
            throw Failure("does not speak SOCKS 5.");
    }

    private static async Task WriteAsync(Stream stream, byte[] bytes)
    {
        await stream.WriteAsync(bytes, CancellationToken.None).ConfigureAwait(false);
        await stream.FlushAsync(CancellationToken.None).ConfigureAwait(false);
    }

    private static async Task<byte[]> ReadAsync(Stream stream, int count)
    {
        byte[] bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes, CancellationToken.None).ConfigureAwait(false);
        return bytes;
    }

    // RFC 1928, section 6
    private static string ReasonOf(byte reply) => reply switch
    {
        1 => "it failed",
        2 => "its rules forbid it",
        3 => "the network cannot be reached",
        4 => "the host cannot be reached",
        5 => "nothing listens there",
        6 => "it took too long",
        7 => "it does not know CONNECT",
        8 => "it does not know that kind of address",
        _ => $"it answered {reply}",
    };
}
