namespace Sockeye.Transports;

/// <summary>Takes what was received.</summary>
internal interface IReceiver
{
    /// <summary>Gets the memory that was offered to the receive under way for the bytes that come first; empty where none was.</summary>
    ArraySegment<byte> DirectMemory { get; }

    /// <summary>Is called once for each receive, on the thread that completes it.</summary>
    /// <param name="receive">The receive, which is over.</param>
    void OnReceived(ValueTask<ReceivedBlock> receive);
}

/// <summary>Waits for the receives of one transport, one after the other.</summary>
internal sealed class ReceiveWait
{
    private readonly IReceiver _receiver;
    private readonly Action _onReceived;
    private ValueTask<ReceivedBlock> _receive;

    public ReceiveWait(IReceiver receiver)
    {
        _receiver = receiver;
        _onReceived = OnReceived;
    }

    public void Begin(ValueTask<ReceivedBlock> receive)
    {
        _receive = receive;
        receive.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_onReceived);
    }

    private void OnReceived()
    {
        ValueTask<ReceivedBlock> received = _receive;
        _receive = default;
        _receiver.OnReceived(received);
    }
}
