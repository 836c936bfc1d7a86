// A server and a client over a Unix domain socket: no port, and only who may write to its file can connect.
//   dotnet run --project samples/UnixSocket -- server [path]
//   dotnet run --project samples/UnixSocket -- client [path]
using System.Net.Sockets;
using Sockeye;

string role = args.ElementAtOrDefault(0) ?? "server";
string path = Path.GetFullPath(args.ElementAtOrDefault(1) ?? Path.Combine(Path.GetTempPath(), "sockeye.sock"));
await (role == "server" ? ServeAsync(path) : TalkAsync(path));

static async Task ServeAsync(string path)
{
    await using var server = new WebSocketServer(new() { EndPoints = [new UnixDomainSocketEndPoint(path)] });
    server.Map("/", async (socket, cancel) =>
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            await socket.SendAsync(message, cancel);
    });

    // A server that stops removes its file; one that is killed leaves it, and the next one says so.
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, e) =>
    {
        e.Cancel = true;
        stop.Cancel();
    };
    await server.StartAsync();
    Console.WriteLine($"Listening on {server.EndPoints[0]}");
    await server.RunAsync(stop.Token);
    Console.WriteLine("Stopped");
}

static async Task TalkAsync(string path)
{
    await using WebSocketConnection socket = await WebSocketClient.ConnectAsync($"ws+unix:{path}:/");
    Console.WriteLine("Connected");
    while (await Console.In.ReadLineAsync() is { } line)
    {
        await socket.SendTextAsync(line);
        Console.WriteLine($"Received: {(await socket.ReceiveAsync()).GetText()}");
    }
}
