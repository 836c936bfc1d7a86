using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Sets how a <see cref="WebSocketServer"/>, or the WebSocket end points of an application, stop. Immutable.</summary>
/// <remarks>A value outside its range throws where it is set.</remarks>
public sealed record DrainOptions
{
    /// <summary>Gets the code that every connection is closed with: <see cref="CloseCode.GoingAway"/> (1001) by default;
    /// <see cref="CloseCode.ServiceRestart"/> (1012) tells clients that the service comes back.</summary>
    /// <exception cref="ArgumentException">The code must not be sent.</exception>
    public CloseCode Code
    {
        get;
        init
        {
            ClosePayload.Validate(value, Reason);
            field = value;
        }
    } = CloseCode.GoingAway;

    /// <summary>Gets the reason that goes with the code, at most 123 bytes of UTF-8; <c>Server shutting down</c> by default.</summary>
    /// <exception cref="ArgumentException">The reason is too long.</exception>
    public string Reason
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Reason));
            ClosePayload.Validate(Code, value);
            field = value;
        }
    } = "Server shutting down";

    /// <summary>Gets the span over which the connections are told to close, in random order, so that their clients do not all come back
    /// in the same moment; zero (the default) tells all at once.</summary>
    public TimeSpan Spread
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero, nameof(Spread));
            field = value;
        }
    }

    /// <summary>Gets how long all of it may take, <see cref="Spread"/> included, before what is left is aborted;
    /// <see cref="WebSocketServerOptions.StopTimeout"/>, or 5 s in ASP.NET Core, where null (the default). It is absolute,
    /// whatever the connections still do.</summary>
    public TimeSpan? Timeout
    {
        get;
        init
        {
            if (value is { } timeout)
                ArgumentOutOfRangeException.ThrowIfLessThan(timeout, TimeSpan.Zero, nameof(Timeout));
            field = value;
        }
    }

    internal static DrainOptions Default { get; } = new();
}
