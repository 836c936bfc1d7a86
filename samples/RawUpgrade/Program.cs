// A server of its own on a TcpListener: it reads the head of each request, answers plain ones, and hands over those that ask for an upgrade,
// together with what has come behind the head already.
//   dotnet run --project samples/RawUpgrade -- [port]
//   curl http://127.0.0.1:8080
//   dotnet run --project src/Sockeye.Cli -- connect ws://127.0.0.1:8080
using System.Net;
using System.Net.Sockets;
using Sockeye;
using Sockeye.Protocol;

using var listener = new TcpListener(IPAddress.Loopback, int.Parse(args.ElementAtOrDefault(0) ?? "8080"));
listener.Start();
Console.WriteLine($"Listening on http://{listener.LocalEndpoint}");
while (true)
    _ = ServeAsync(await listener.AcceptSocketAsync());

static async Task ServeAsync(Socket socket)
{
    try
    {
        (RequestHead request, ReadOnlyMemory<byte> beyond) = await ReadHeadAsync(socket);
        if (!request.Headers.Contains("Upgrade"))
        {
            await socket.SendAsync("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nThis is plain HTTP.\n"u8.ToArray());
            socket.Dispose();
            return;
        }

        await using WebSocketConnection connection = await WebSocketUpgrade.AcceptAsync(socket, request, beyond); // it owns the socket now
        await foreach (WebSocketMessage message in connection.ReadAllAsync())
            await connection.SendAsync(message);
    }
    catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
    {
        Console.WriteLine($"Ended: {e.Message}");
        socket.Dispose();
    }
}

static async Task<(RequestHead Request, ReadOnlyMemory<byte> Beyond)> ReadHeadAsync(Socket socket)
{
    using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
    var scanner = new HeadScanner(); // at most 16 KiB
    byte[] buffer = new byte[16 * 1024];
    int count = 0;
    int length;
    HandshakeFault? fault;
    while (!scanner.TryFindEnd(buffer.AsSpan(0, count), out length, out fault) && fault is null)
    {
        int received = await socket.ReceiveAsync(buffer.AsMemory(count), deadline.Token);
        count += received > 0 ? received : throw new EndOfStreamException("The client left before its request was whole.");
    }

    if (fault is null && RequestHead.TryParse(buffer.AsSpan(0, length), out RequestHead? request, out fault))
        return (request, buffer.AsMemory(length, count - length));
    await socket.SendAsync(HandshakeRefusal.Of(fault).ToBytes(), deadline.Token);
    throw new IOException(fault.Message);
}
