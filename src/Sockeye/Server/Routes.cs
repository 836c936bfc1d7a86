using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Holds what is mapped at one path, or for some requests.</summary>
/// <param name="Path">The path; empty where a predicate decides.</param>
/// <param name="Run">Runs a connection to its end, and says when that and its handler are over.</param>
/// <param name="Options">How requests are accepted.</param>
internal sealed record Endpoint(string Path, Action<WebSocketConnection, IConnectionOwner> Run, WebSocketAcceptOptions Options);

/// <summary>Finds what a request is for: the first end point whose predicate says so, else what is mapped exactly at its path, else what
/// is mapped below the longest path that ends with <c>/*</c>.</summary>
/// <remarks>Immutable: a table with one more entry is another table.</remarks>
internal sealed class Routes
{
    private const string Below = "/*";

    private readonly List<(Func<UpgradeRequest, bool> Predicate, Endpoint Endpoint)> _predicates = [];
    private readonly Dictionary<string, Endpoint> _exact = new(StringComparer.Ordinal);
    private readonly List<(string Prefix, Endpoint Endpoint)> _prefixes = [];
    private readonly Dictionary<string, Func<RequestHead, ValueTask<HttpAnswer>>> _pages = new(StringComparer.Ordinal);

    private Routes()
    {
    }

    private Routes(Routes routes)
    {
        _predicates = [.. routes._predicates];
        _exact = new(routes._exact, StringComparer.Ordinal);
        _prefixes = [.. routes._prefixes];
        _pages = new(routes._pages, StringComparer.Ordinal);
    }

    public static Routes None { get; } = new();

    /// <summary>Makes a table with one more entry.</summary>
    /// <exception cref="ArgumentException">The path is none, or is mapped already.</exception>
    public Routes With(string path, Endpoint endpoint)
    {
        Validate(path);
        var routes = new Routes(this);
        bool isNew;
        if (path.EndsWith(Below, StringComparison.Ordinal))
        {
            string prefix = path[..^1];
            isNew = !routes._prefixes.Exists(entry => entry.Prefix == prefix);
            routes._prefixes.Add((prefix, endpoint));
            routes._prefixes.Sort((one, other) => other.Prefix.Length - one.Prefix.Length);
        }
        else
        {
            isNew = routes._exact.TryAdd(path, endpoint);
        }

        return isNew ? routes : throw new ArgumentException($"'{path}' is mapped already.", nameof(path));
    }

    /// <summary>Makes a table with one more predicate.</summary>
    public Routes With(Func<UpgradeRequest, bool> predicate, Endpoint endpoint)
    {
        var routes = new Routes(this);
        routes._predicates.Add((predicate, endpoint));
        return routes;
    }

    /// <summary>Makes a table with one more plain answer.</summary>
    /// <exception cref="ArgumentException">The path is none, or has a plain answer already.</exception>
    public Routes With(string path, Func<RequestHead, ValueTask<HttpAnswer>> page)
    {
        Validate(path);
        var routes = new Routes(this);
        return routes._pages.TryAdd(path, page)
            ? routes
            : throw new ArgumentException($"'{path}' is mapped already.", nameof(path));
    }

    /// <summary>Finds where a request to upgrade leads; null for nowhere.</summary>
    public Endpoint? Find(UpgradeRequest request)
    {
        foreach ((Func<UpgradeRequest, bool> predicate, Endpoint endpoint) in _predicates)
        {
            if (predicate(request))
                return endpoint;
        }

        string path = request.Path;
        if (_exact.TryGetValue(path, out Endpoint? exact))
            return exact;
        foreach ((string prefix, Endpoint mapped) in _prefixes)
        {
            if (path.StartsWith(prefix, StringComparison.Ordinal))
                return mapped;
        }

        return null;
    }

    /// <summary>Finds the plain answer to a request that asks for no upgrade; null for none.</summary>
    public Func<RequestHead, ValueTask<HttpAnswer>>? FindPage(UpgradeRequest request) =>
        request.Method is "GET" or "HEAD" && request.Fault?.Rule is HandshakeRule.UpgradeMustNameWebSocket or HandshakeRule.MethodMustBeGet
            ? _pages.GetValueOrDefault(request.Path)
            : null;

    private static void Validate(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path is not ['/', ..] || path.AsSpan().ContainsAnyExceptInRange('!', '~') || path.AsSpan().ContainsAny('?', '#'))
        {
            throw new ArgumentException(
                $"'{path}' cannot be mapped: a path begins with '/', holds neither query nor fragment, and is percent-encoded.",
                nameof(path));
        }
    }
}
