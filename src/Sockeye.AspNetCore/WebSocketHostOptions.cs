namespace Sockeye;

/// <summary>Sets what the WebSocket end points of one application have in common. Immutable.</summary>
/// <remarks><see cref="WebSocketServiceCollectionExtensions"/> registers it; without that, the defaults hold.</remarks>
public sealed record WebSocketHostOptions
{
    /// <summary>Gets how requests are accepted where an end point brings no options of its own;
    /// <see cref="WebSocketAcceptOptions.Default"/> by default. Its <see cref="WebSocketAcceptOptions.AllowedOrigins"/> and
    /// <see cref="WebSocketAcceptOptions.Connection"/> also hold where the options of an end point leave them open.</summary>
    public WebSocketAcceptOptions Accept
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Accept));
            field = value;
        }
    } = WebSocketAcceptOptions.Default;

    /// <summary>Gets how connections are closed when the host stops: the code, the reason, over which span, and after how long what is left
    /// is aborted, 5 s by default. Keep that below the host's own <c>HostOptions.ShutdownTimeout</c>, which ends what is left without a
    /// word.</summary>
    public DrainOptions Drain
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Drain));
            field = value;
        }
    } = new();
}
