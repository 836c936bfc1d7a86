namespace Sockeye;

/// <summary>Holds what is mapped at one path.</summary>
/// <param name="Path">The path.</param>
/// <param name="Run">Runs a connection to its end, and says when that and its handler are over.</param>
/// <param name="Options">How requests are accepted.</param>
internal sealed record Endpoint(string Path, Action<WebSocketConnection, IConnectionOwner> Run, WebSocketAcceptOptions Options);

/// <summary>Finds what is mapped at a path: exactly there, or else below the longest path that ends with <c>/*</c>.</summary>
/// <remarks>Immutable: a table with one more entry is another table.</remarks>
internal sealed class Routes
{
    private const string Below = "/*";

    private readonly Dictionary<string, Endpoint> _exact = new(StringComparer.Ordinal);
    private readonly List<(string Prefix, Endpoint Endpoint)> _prefixes = [];

    public static Routes None { get; } = new();

    /// <summary>Makes a table with one more entry.</summary>
    /// <exception cref="ArgumentException">The path is none, or is mapped already.</exception>
    public Routes With(string path, Endpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path is not ['/', ..] || path.AsSpan().ContainsAnyExceptInRange('!', '~') || path.AsSpan().ContainsAny('?', '#'))
        {
            throw new ArgumentException(
                $"'{path}' cannot be mapped: a path begins with '/', holds neither query nor fragment, and is percent-encoded.",
                nameof(path));
        }

        var routes = new Routes();
        foreach ((string known, Endpoint mapped) in _exact)
            routes._exact.Add(known, mapped);
        routes._prefixes.AddRange(_prefixes);

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

    public Endpoint? Find(string path)
    {
        if (_exact.TryGetValue(path, out Endpoint? endpoint))
            return endpoint;
        foreach ((string prefix, Endpoint mapped) in _prefixes)
        {
            if (path.StartsWith(prefix, StringComparison.Ordinal))
                return mapped;
        }

        return null;
    }
}
