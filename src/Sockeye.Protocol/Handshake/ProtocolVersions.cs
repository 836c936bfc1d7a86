using System.Globalization;

namespace Sockeye.Protocol;

/// <summary>Knows the versions of the WebSocket protocol (RFC 6455, section 4.4): 13 is that of the RFC and of the HyBi drafts 13–17,
/// 8 that of the drafts 7–12, whose frames are the same and whose header for the origin has another name.</summary>
internal static class ProtocolVersions
{
    public const int Rfc6455 = 13;
    public const int OldDrafts = 8;

    /// <summary>Gets what can be spoken, preferred first.</summary>
    public static IReadOnlyList<int> All { get; } = [Rfc6455, OldDrafts];

    /// <summary>Gives the name of the header that tells the origin.</summary>
    public static string OriginHeader(int version) => version == OldDrafts ? HandshakeHeaders.OldOrigin : HandshakeHeaders.Origin;

    /// <summary>Throws unless a version can be spoken.</summary>
    public static void Validate(int version, string name)
    {
        if (!All.Contains(version))
            throw new ArgumentOutOfRangeException(name, version, $"The version of the WebSocket protocol must be {Rfc6455} or {OldDrafts}.");
    }

    /// <summary>Throws unless a list holds a version, and none but those that can be spoken.</summary>
    public static void Validate(IReadOnlyList<int> versions, string name)
    {
        ArgumentNullException.ThrowIfNull(versions, name);
        if (versions.Count == 0)
            throw new ArgumentException($"{name} must hold {Rfc6455}, {OldDrafts} or both.", name);
        foreach (int version in versions)
            Validate(version, name);
    }

    /// <summary>Writes the value of <c>Sec-WebSocket-Version</c> in a refusal.</summary>
    public static string Format(IReadOnlyList<int> versions) => string.Join(", ", versions);

    /// <summary>Reads that value; what is no version (RFC 6455, section 4.1: 0–255) or stands there twice is left out.</summary>
    public static IReadOnlyList<int> Parse(string? value)
    {
        List<int> versions = [];
        foreach (string element in (value ?? "").Split(','))
        {
            if (byte.TryParse(element.Trim(' ', '\t'), NumberStyles.None, CultureInfo.InvariantCulture, out byte version) && !versions.Contains(version))
                versions.Add(version);
        }

        return versions;
    }
}
