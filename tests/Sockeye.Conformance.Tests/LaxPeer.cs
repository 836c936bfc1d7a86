using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>Endpoints over TCP that take any opening handshake, and then echo as they must.</summary>
internal static class LaxPeer
{
    /// <summary>Serves until the token is cancelled: answers every request with 101.</summary>
    /// <param name="extensions">What the response says of extensions; null for nothing.</param>
    /// <param name="spoilsAccept">Whether the accept is that of another key.</param>
    /// <param name="endsWithPeer">Whether it ends its direction when the other one has ended.</param>
    /// <param name="connections">How many connections it serves.</param>
    /// <param name="cancel">Ends it.</param>
    public static (string Url, Task Serving) Listen(
        string? extensions = null, bool spoilsAccept = false, bool endsWithPeer = true, int connections = int.MaxValue, CancellationToken cancel = default)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ($"ws://{listener.LocalEndpoint}/", ServeAllAsync());

        async Task ServeAllAsync()
        {
            List<Task> serving = [];
            using (listener)
            {
                try
                {
                    for (; connections > 0; connections--)
                        serving.Add(ServeAsync(await listener.AcceptSocketAsync(cancel)));
                }
                catch (OperationCanceledException)
                {
                    // The test is over.
                }
            }

            await Task.WhenAll(serving);
        }

        async Task ServeAsync(Socket socket)
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            try
            {
                ReceivedHead head = await ReceivedHead.ReadAsync(stream, cancel);
                bool isKnown = RequestHead.TryParse(head.Bytes.Span, out RequestHead? request, out _) && !spoilsAccept;
                string key = isKnown ? request!.Headers["Sec-WebSocket-Key"] ?? "" : "";
                HandshakeText response = HandshakeText.Response.With("Sec-WebSocket-Accept", HandshakeKey.ComputeAccept(key));
                if (extensions is not null)
                    response = response.Adding("Sec-WebSocket-Extensions", extensions);
                await stream.WriteAsync(response.ToBytes(), cancel);
                await EchoAsync(stream, head.Beyond, Role.Server, cancel);
                if (!endsWithPeer)
                    await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // The suite fails connections, and so may end them anywhere.
            }
        }
    }

    /// <summary>Connects, and echoes whatever the response was.</summary>
    public static async Task ConnectAsync(string url, CancellationToken cancel)
    {
        var uri = WebSocketUri.Parse(url);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Parse(uri.Host), uri.Port, cancel);
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(new ClientHandshake(uri.HostHeader, uri.Target, HandshakeKey.Create(new byte[16])).CreateRequest().ToBytes(), cancel);
        ReceivedHead head = await ReceivedHead.ReadAsync(stream, cancel);
        try
        {
            await EchoAsync(stream, head.Beyond, Role.Client, cancel);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // The suite fails connections, and so may end them anywhere.
        }
    }

    private static async Task EchoAsync(NetworkStream stream, Memory<byte> beyond, Role role, CancellationToken cancel)
    {
        using var echo = new CoreEcho(role, null);
        var answers = new ArrayBufferWriter<byte>();
        byte[] buffer = new byte[64 * 1024];
        beyond.CopyTo(buffer);
        int count = beyond.Length;
        do
        {
            echo.Receive(buffer.AsSpan(0, count), answers);
            await stream.WriteAsync(answers.WrittenMemory, cancel);
            answers.ResetWrittenCount();
            if (echo.HasEnded)
                stream.Socket.Shutdown(SocketShutdown.Send);
        }
        while ((count = await stream.ReadAsync(buffer, cancel)) > 0);
    }
}
