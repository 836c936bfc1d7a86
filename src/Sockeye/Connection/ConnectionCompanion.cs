namespace Sockeye;

/// <summary>Something that keeps company with a connection until it ends, and is then told so on the pool.</summary>
/// <remarks>The companions of a connection are linked, so that one who has none pays for a null alone. The links are guarded by the lock
/// of the connection until it has ended.</remarks>
internal abstract class ConnectionCompanion : IThreadPoolWorkItem
{
    /// <summary>Gets or sets the next companion of the same connection.</summary>
    internal ConnectionCompanion? Next { get; set; }

    void IThreadPoolWorkItem.Execute() => OnConnectionEnded();

    /// <summary>Is called once, when the connection has ended. It must not throw.</summary>
    protected abstract void OnConnectionEnded();
}
