using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Sockeye.Transports.Linux;

/// <summary>The address of a peer as the kernel gave it, without an object for each connection; that of this side is asked for when it is wanted.</summary>
internal readonly struct SocketAddresses
{
    private static readonly UnixDomainSocketEndPoint AnyPath = new("/");

    private readonly UInt128 _address;
    private readonly uint _scope;
    private readonly ushort _port;
    private readonly byte _family;
    private readonly EndPoint? _listener;

    /// <summary>Reads the address of a peer.</summary>
    /// <param name="peer">What the kernel wrote.</param>
    /// <param name="listener">The end point that it connected to, where that is one address; else null.</param>
    public SocketAddresses(ReadOnlySpan<byte> peer, EndPoint? listener)
    {
        _listener = listener;
        if (peer.Length < sizeof(ushort))
            return;
        _family = (byte)MemoryMarshal.Read<ushort>(peer);
        if (_family == Libc.FamilyUnix)
            return;
        _port = BinaryPrimitives.ReadUInt16BigEndian(peer[2..]);
        if (_family == Libc.FamilyInet)
        {
            _address = MemoryMarshal.Read<uint>(peer[4..]);
        }
        else
        {
            _address = MemoryMarshal.Read<UInt128>(peer[8..]);
            _scope = MemoryMarshal.Read<uint>(peer[24..]);
        }
    }

    /// <summary>Gets the address of the peer.</summary>
    /// <param name="socket">The socket, which is asked where this does not hold the address: the path of a Unix domain socket.</param>
    public EndPoint? Remote(EventLoopSocket socket)
    {
        if (_family != Libc.FamilyUnix)
            return Ip;
        Span<byte> address = stackalloc byte[Libc.MaxAddress];
        return UnixEndPoint(address[..socket.GetRemoteAddress(address)]);
    }

    private IPEndPoint? Ip => _family switch
    {
        Libc.FamilyInet => new IPEndPoint((long)_address, _port),
        Libc.FamilyInet6 => new IPEndPoint(new IPAddress(MemoryMarshal.AsBytes(new ReadOnlySpan<UInt128>(in _address)), _scope), _port),
        _ => null,
    };

    /// <summary>Gets the address of this side; null where the socket is closed and nobody asked before.</summary>
    public EndPoint? Local(EventLoopSocket socket)
    {
        if (_listener is not null)
            return _listener;
        Span<byte> address = stackalloc byte[Libc.MaxAddress];
        int length = socket.GetLocalAddress(address);
        return length == 0 ? null : new SocketAddresses(address[..length], listener: null).Ip;
    }

    /// <summary>Makes the end point of a Unix domain socket, which mostly has no path: only who listens needs one.</summary>
    private static EndPoint UnixEndPoint(ReadOnlySpan<byte> address)
    {
        var serialized = new SocketAddress(AddressFamily.Unix, Math.Max(sizeof(ushort), address.Length));
        if (address.Length > sizeof(ushort))
            address[sizeof(ushort)..].CopyTo(serialized.Buffer.Span[sizeof(ushort)..]);
        return AnyPath.Create(serialized);
    }
}
