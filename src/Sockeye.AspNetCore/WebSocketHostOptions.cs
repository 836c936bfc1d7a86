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

    /// <summary>Gets how long connections may take to close when the host stops, before they are aborted; 5 s by default, 1 ms to a
    /// day. Keep it below the host's own <c>HostOptions.ShutdownTimeout</c>, which ends what is left without a word.</summary>
    public TimeSpan ShutdownTimeout
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(1), nameof(ShutdownTimeout));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromDays(1), nameof(ShutdownTimeout));
            field = value;
        }
    } = TimeSpan.FromSeconds(5);
}
