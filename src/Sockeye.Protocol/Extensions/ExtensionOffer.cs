namespace Sockeye.Protocol;

/// <summary>Holds one extension with its parameters, as it stands in <c>Sec-WebSocket-Extensions</c>: offered by a client or
/// accepted by a server (RFC 6455, section 9.1).</summary>
public sealed class ExtensionOffer
{
    /// <summary>Makes an offer.</summary>
    /// <param name="name">The name of the extension, a token such as <c>permessage-deflate</c>.</param>
    /// <param name="parameters">The parameters in their order; one name may stand there twice.</param>
    /// <exception cref="ArgumentException">The name is no token.</exception>
    public ExtensionOffer(string name, params IReadOnlyList<ExtensionParameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        if (!HeaderTokens.IsToken(name))
            throw new ArgumentException($"'{PeerText.Escape(name)}' is no name of an extension: it must be a token.", nameof(name));
        Name = name;
        Parameters = parameters;
    }

    /// <summary>Gets the name of the extension.</summary>
    public string Name { get; }

    /// <summary>Gets the parameters in their order. A parameter that stands there twice is here twice: what that means is for
    /// the extension to say.</summary>
    public IReadOnlyList<ExtensionParameter> Parameters { get; }

    /// <inheritdoc/>
    public override string ToString() => ExtensionHeader.Format([this]);
}

/// <summary>Holds one parameter of an extension, such as <c>server_max_window_bits=10</c>.</summary>
public readonly record struct ExtensionParameter
{
    /// <summary>Makes a parameter.</summary>
    /// <param name="name">The name, a token.</param>
    /// <param name="value">The value, a token; null where the parameter has none.</param>
    /// <exception cref="ArgumentException">The name or the value is no token.</exception>
    public ExtensionParameter(string name, string? value = null)
    {
        if (!HeaderTokens.IsToken(name))
            throw new ArgumentException($"'{PeerText.Escape(name)}' is no name of a parameter: it must be a token.", nameof(name));
        if (value is not null && !HeaderTokens.IsToken(value))
        {
            throw new ArgumentException(
                $"'{PeerText.Escape(value)}' is no value of the parameter {name}: it must be a token.", nameof(value));
        }

        Name = name;
        Value = value;
    }

    /// <summary>Gets the name.</summary>
    public string Name { get; }

    /// <summary>Gets the value, unquoted; null where the parameter has none.</summary>
    public string? Value { get; }
}
