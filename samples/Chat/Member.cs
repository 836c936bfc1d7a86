using System.Text.Json;
using Sockeye;

namespace Chat;

/// <summary>A page in a room. Its id stays the same when it connects anew.</summary>
internal sealed record Member(string Id, string Name, WebSocketConnection Socket)
{
    public void Send(ToPage what) => Send(JsonSerializer.SerializeToUtf8Bytes(what, Json.Default.ToPage));

    /// <summary>Sends without waiting. A page that is too slow loses its connection, not the others their time: it comes back, and
    /// asks for what it has missed.</summary>
    public void Send(byte[] json)
    {
        if (Socket.TrySend(json, WebSocketMessageKind.Text) == SendResult.Full)
            Socket.Abort();
    }
}
