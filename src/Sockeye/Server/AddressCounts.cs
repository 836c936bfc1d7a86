using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Sockeye;

/// <summary>Counts connections by the address that they come from: one of IPv4, or the half of one of IPv6 that names its network,
/// since the other half is its user's to choose.</summary>
/// <param name="limit">The most of one address, at least 1.</param>
/// <remarks>Guarded by the lock of <see cref="ServerConnections"/>.</remarks>
internal sealed class AddressCounts(int limit)
{
    private readonly Dictionary<IPAddress, int> _counts = [];

    /// <summary>Counts one more; false where there are as many as there may be.</summary>
    public bool TryAdd(IPAddress address)
    {
        ref int count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, KeyOf(address), out _);
        if (count == limit)
            return false;
        count++;
        return true;
    }

    /// <summary>Counts one less.</summary>
    public void Remove(IPAddress address)
    {
        IPAddress key = KeyOf(address);
        ref int count = ref CollectionsMarshal.GetValueRefOrNullRef(_counts, key);
        if (--count == 0)
            _counts.Remove(key);
    }

    private static IPAddress KeyOf(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address;
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }
}
