namespace Sockeye.Conformance;

/// <summary>Says what is to be done with the transport once all output has left.</summary>
internal enum TransportAction
{
    None,

    /// <summary>The direction of the suite ends; what still comes is read.</summary>
    ShutDown,

    /// <summary>Everything ends at once, output or not.</summary>
    Abort,

    /// <summary>Everything ends at once, and the endpoint gets a reset.</summary>
    Reset,
}
