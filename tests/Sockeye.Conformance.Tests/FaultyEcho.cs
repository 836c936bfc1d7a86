using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Sockeye.Compression;
using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>An echo endpoint over TCP, server or client, of which each frame that it sends may be spoiled.</summary>
/// <param name="spoil">Takes a frame as it stands on the wire and gives what is sent instead: nothing where it is empty, and the end of the
/// connection where it is null. It is made anew for each connection.</param>
internal sealed class FaultyEcho(Func<Func<byte[], byte[]?>> spoil)
{
    /// <summary>Listens, and serves one connection after the other until the token is cancelled.</summary>
    /// <returns>The URL, and the task that serves.</returns>
    public (string Url, Task Serving) Listen(CancellationToken cancel)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ($"ws://{listener.LocalEndpoint}/", ServeAsync(listener, cancel));
    }

    /// <summary>Connects to a server, and echoes until the connection ends.</summary>
    public async Task ConnectAsync(string url, CancellationToken cancel)
    {
        var uri = WebSocketUri.Parse(url);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Parse(uri.Host), uri.Port, cancel);
        await using var stream = new NetworkStream(socket);
        var handshake = new ClientHandshake(uri.HostHeader, uri.Target, HandshakeKey.Create(RandomNumberGenerator.GetBytes(HandshakeKey.Size)));
        await stream.WriteAsync(handshake.CreateRequest().ToBytes(), cancel);
        ReceivedHead head = await ReceivedHead.ReadAsync(stream, cancel);
        Assert.True(ResponseHead.TryParse(head.Bytes.Span, out ResponseHead? response, out _));
        Assert.True(handshake.TryAccept(response, out _, out _));
        await EchoAsync(stream, head.Beyond, new CoreEcho(Role.Client, null), cancel);
    }

    private async Task ServeAsync(TcpListener listener, CancellationToken cancel)
    {
        List<Task> connections = [];
        using (listener)
        {
            try
            {
                while (true)
                    connections.Add(ServeAsync(await listener.AcceptSocketAsync(cancel), cancel));
            }
            catch (OperationCanceledException)
            {
                // The test is over.
            }
        }

        await Task.WhenAll(connections);
    }

    private async Task ServeAsync(Socket socket, CancellationToken cancel)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            ReceivedHead head = await ReceivedHead.ReadAsync(stream, cancel);
            Assert.True(RequestHead.TryParse(head.Bytes.Span, out RequestHead? request, out _));
            Assert.True(ServerHandshake.TryEvaluate(request, out UpgradeOffer? offer, out _));
            var deflate = DeflateAgreement.Accept(offer.Extensions, PerMessageDeflateOptions.Default, out ExtensionOffer? extension);
            await stream.WriteAsync(offer.Accept(extensions: extension is null ? null : [extension]).ToBytes(), cancel);
            await EchoAsync(stream, head.Beyond, new CoreEcho(Role.Server, deflate), cancel);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The suite fails connections, and so may end them anywhere.
        }
    }

    private async Task EchoAsync(NetworkStream stream, Memory<byte> beyond, CoreEcho echo, CancellationToken cancel)
    {
        using CoreEcho endpoint = echo;
        Func<byte[], byte[]?> spoiler = spoil();
        var answers = new ArrayBufferWriter<byte>();
        byte[] buffer = new byte[64 * 1024];
        beyond.CopyTo(buffer);
        int count = beyond.Length;
        try
        {
            do
            {
                endpoint.Receive(buffer.AsSpan(0, count), answers);
                foreach (byte[] frame in Frames(answers.WrittenSpan.ToArray()))
                {
                    if (spoiler(frame) is not { } spoiled)
                        return;
                    await stream.WriteAsync(spoiled, cancel);
                }

                answers.ResetWrittenCount();
                if (endpoint.HasEnded)
                    stream.Socket.Shutdown(SocketShutdown.Send);
            }
            while ((count = await stream.ReadAsync(buffer, cancel)) > 0);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // The suite fails connections, and so may end them anywhere.
        }
    }

    private static IEnumerable<byte[]> Frames(byte[] bytes)
    {
        for (int start = 0; FrameReader.TryReadHeader(bytes.AsSpan(start), out FrameHeader header);)
        {
            int end = start + header.Size + (int)header.PayloadLength;
            yield return bytes[start..end];
            start = end;
        }
    }
}
