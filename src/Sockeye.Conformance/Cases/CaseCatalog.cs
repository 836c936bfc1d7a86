namespace Sockeye.Conformance;

/// <summary>The cases, in the order of their numbers.</summary>
internal static class CaseCatalog
{
    /// <summary>How many messages a case of the groups 12 and 13 sends.</summary>
    public const int FullMessages = 1000;

    /// <summary>How many it sends in the short profile.</summary>
    public const int ShortMessages = 20;

    /// <summary>The first of the groups that are the suite's own.</summary>
    public const int FirstOwnGroup = 21;

    private static readonly Lazy<IReadOnlyList<ConformanceCase>> LazyFull = new(() => Create(FullMessages));
    private static readonly Lazy<IReadOnlyList<ConformanceCase>> LazyShort = new(() => Create(ShortMessages));

    /// <summary>All cases.</summary>
    public static IReadOnlyList<ConformanceCase> Full => LazyFull.Value;

    /// <summary>All cases; those of groups 12 and 13 send fewer messages.</summary>
    public static IReadOnlyList<ConformanceCase> Short => LazyShort.Value;

    /// <summary>Gets what a group is about.</summary>
    public static string GroupTitle(int group) => group switch
    {
        1 => "Lengths",
        2 => "Pings and pongs",
        3 => "Reserved bits",
        4 => "Reserved opcodes",
        5 => "Fragmentation",
        6 => "UTF-8",
        7 => "Closing",
        9 => "Large messages, round trips",
        10 => "Fragments of the sender",
        12 => "Compression: data",
        13 => "Compression: parameters",
        21 => "Opening handshake of servers",
        22 => "Opening handshake of clients",
        23 => "Masks",
        24 => "Lengths against the wire",
        25 => "RSV1 and compression",
        26 => "Blocks of DEFLATE",
        27 => "Negotiation of compression",
        28 => "Limits and bombs",
        29 => "Closing at bad moments",
        30 => "Slow peers",
        31 => "Control frames in compressed messages",
        _ => throw new ArgumentOutOfRangeException(nameof(group), group, "There is no such group."),
    };

    /// <summary>Makes all cases.</summary>
    /// <param name="messages">How many messages a case of the groups 12 and 13 sends.</param>
    /// <param name="limit">The largest message of the endpoint in bytes; null where it is not known, and group 28 is informational.</param>
    public static IReadOnlyList<ConformanceCase> Create(int messages, int? limit = null) =>
    [
        .. Group1To5.All, .. Group6.All, .. Group7.All, .. Group9And10.Create(FullMessages), .. Group12And13.Create(messages),
        .. Group21And22.All, .. Group23And24.All, .. Group25And26.All,
        .. Group27.All, .. Group28.Create(limit), .. Group29And30.All, .. Group31.All,
    ];
}
