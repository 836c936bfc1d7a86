using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Says whose <c>X-Forwarded-*</c> headers are believed: those of the proxies that the application names.</summary>
/// <remarks>Anybody can send these headers. One that a proxy sets is a fact only where the request came from that proxy.</remarks>
internal sealed class TrustedProxies
{
    // What stands before an IPv4 address that is written as one of IPv6, in bits.
    private const int MappedPrefix = 96;

    private readonly List<IPNetwork> _networks = [];
    private readonly bool _any;
    private readonly bool _unix;

    /// <summary>Makes the list.</summary>
    /// <exception cref="ArgumentException">An element is neither an address nor a network.</exception>
    public TrustedProxies(IReadOnlyList<string> proxies, string name)
    {
        ArgumentNullException.ThrowIfNull(proxies, name);
        foreach (string proxy in proxies)
        {
            if (proxy == "*")
                _any = true;
            else if (proxy == "unix")
                _unix = true;
            else if (TryParse(proxy, out IPNetwork network))
                _networks.Add(network);
            else
            {
                throw new ArgumentException(
                    $"'{PeerText.Escape(proxy)}' in {name} is no proxy: write an address such as 127.0.0.1, a network such as 10.0.0.0/8, "
                        + "unix for Unix domain sockets, or * for any.",
                    name);
            }
        }
    }

    /// <summary>Gets the list of nobody.</summary>
    public static TrustedProxies None { get; } = new([], "");

    /// <summary>Gets whether nobody is trusted.</summary>
    public bool IsEmpty => !_any && !_unix && _networks.Count == 0;

    /// <summary>Tells whether what a peer says about its clients is believed.</summary>
    public bool Trusts(EndPoint? peer)
    {
        if (_any)
            return true;
        return peer is IPEndPoint { Address: var address } ? Trusts(Plain(address)) : _unix && peer?.AddressFamily == AddressFamily.Unix;
    }

    /// <summary>Finds the client for whom a proxy speaks: the last address in <c>X-Forwarded-For</c> that is not itself a trusted proxy,
    /// since whatever stands before it may be made up.</summary>
    /// <returns>The address; null where the peer is no trusted proxy, or does not say.</returns>
    public IPAddress? FindClient(EndPoint? peer, HttpHeaders headers)
    {
        if (!Trusts(peer) || headers["X-Forwarded-For"] is not { } list)
            return null;
        IPAddress? client = null;
        string[] hops = list.Split(',');
        for (int i = hops.Length - 1; i >= 0 && TryParseHop(hops[i].Trim(' ', '\t'), out IPAddress? hop); i--)
        {
            client = hop;
            if (!_any && !Trusts(client))
                break;
        }

        return client;
    }

    /// <summary>Gets an IPv4 address that a dual-mode socket has wrapped.</summary>
    [return: NotNullIfNotNull(nameof(address))]
    public static IPAddress? Plain(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;

    private bool Trusts(IPAddress address)
    {
        foreach (IPNetwork network in _networks)
        {
            if (network.Contains(address))
                return true;
        }

        return false;
    }

    /// <summary>Reads an address as proxies write it, with a port or without.</summary>
    private static bool TryParseHop(string text, [NotNullWhen(true)] out IPAddress? address)
    {
        bool isAddress = IPEndPoint.TryParse(text, out IPEndPoint? hop) && IsWhole(hop.Address, text.Split(':')[0]);
        address = isAddress ? Plain(hop!.Address) : null;
        return isAddress;
    }

    private static bool TryParse(string? text, out IPNetwork network)
    {
        network = default;
        string? written = text?.Split('/')[0];
        if (!IPAddress.TryParse(written, out IPAddress? address) || !IsWhole(address, written))
            return false;
        if (written != text)
        {
            if (!IPNetwork.TryParse(text, out network))
                return false;
            if (address.IsIPv4MappedToIPv6 && network.PrefixLength >= MappedPrefix)
                network = new IPNetwork(network.BaseAddress.MapToIPv4(), network.PrefixLength - MappedPrefix);
            return true;
        }

        address = Plain(address);
        network = new IPNetwork(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
        return true;
    }

    /// <summary>Tells whether an address of IPv4 is written as four decimal numbers: the framework also takes 7 for 0.0.0.7, and
    /// 010.0.0.1 for 8.0.0.1.</summary>
    private static bool IsWhole(IPAddress address, string text) =>
        address.AddressFamily != AddressFamily.InterNetwork || text == address.ToString();
}
