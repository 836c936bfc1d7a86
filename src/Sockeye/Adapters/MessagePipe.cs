using System.IO.Pipelines;

namespace Sockeye.Adapters;

/// <summary>A connection as a pair of pipes.</summary>
internal sealed class MessagePipe(WebSocketConnection socket) : IDuplexPipe
{
    public PipeReader Input { get; } = PipeReader.Create(new InputStream(socket));

    public PipeWriter Output { get; } = new MessagePipeWriter(socket);

    /// <summary>What the input reads from. Its end is not that of the connection: the output may still be in use.</summary>
    private sealed class InputStream(WebSocketConnection socket) : MessageStream(socket, WebSocketStreamOptions.Default)
    {
        protected override ValueTask EndConnectionAsync()
        {
            Socket.IgnoreMessages();
            return default;
        }
    }
}
