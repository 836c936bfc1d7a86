// A tunnel: TCP inside a WebSocket, both ends copying one stream into the other. Neither knows of messages.
//   dotnet run --project samples/DuplexStream -- server 8080 example.com:80
//   dotnet run --project samples/DuplexStream -- client 9090 ws://127.0.0.1:8080
//   curl -H 'Host: example.com' http://127.0.0.1:9090
using System.Net;
using System.Net.Sockets;
using Sockeye;

if (args is not [var role, var port, var target])
    Console.Error.WriteLine("usage: server PORT HOST:PORT | client PORT URL");
else
    await (role == "server" ? ServeAsync(int.Parse(port), target.Split(':')) : ListenAsync(int.Parse(port), target));

static async Task ServeAsync(int port, string[] target)
{
    await using var server = new WebSocketServer(new() { Port = port });
    server.Map("/", async (socket, _) =>
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(target[0], int.Parse(target[1]));
        await JoinAsync(tcp.GetStream(), socket.AsStream());
    });
    await server.StartAsync();
    Console.WriteLine($"Listening on ws://{server.EndPoints[0]}");
    await server.RunAsync();
}

static async Task ListenAsync(int port, string url)
{
    using var listener = new TcpListener(IPAddress.Loopback, port);
    listener.Start();
    Console.WriteLine($"Listening on {listener.LocalEndpoint}");
    while (true)
        _ = TunnelAsync(await listener.AcceptTcpClientAsync(), url);
}

static async Task TunnelAsync(TcpClient accepted, string url)
{
    using TcpClient tcp = accepted;
    try
    {
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(url);
        await JoinAsync(tcp.GetStream(), socket.AsStream());
    }
    catch (IOException e)
    {
        Console.WriteLine(e.Message);
    }
}

// Unlike TCP, a WebSocket does not end one direction alone: where one ends, all of it does.
static async Task JoinAsync(NetworkStream tcp, Stream socket)
{
    await using (tcp)
    await using (socket)
        await await Task.WhenAny(tcp.CopyToAsync(socket), socket.CopyToAsync(tcp));
}
