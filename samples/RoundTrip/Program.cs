// Round-trip times, once a second; and a heartbeat, which notices a server that is there no more though nothing says so.
//   dotnet run --project samples/Echo/Server
//   dotnet run --project samples/RoundTrip -- [ws://127.0.0.1:8080] [idle timeout in seconds]
// Stop the server with Ctrl-Z and wait: half the idle timeout later a ping goes out, and when that is not answered either, it is over.
using Sockeye;

string url = args.ElementAtOrDefault(0) ?? "ws://127.0.0.1:8080";
double idleTimeout = double.Parse(args.ElementAtOrDefault(1) ?? "10");
await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(
    url, new() { Connection = new() { IdleTimeout = TimeSpan.FromSeconds(idleTimeout) } });
socket.IgnoreMessages(); // or pongs would wait behind messages that nobody reads

using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
try
{
    do
    {
        TimeSpan time = await socket.PingAsync();
        Console.WriteLine($"Round trip: {time.TotalMilliseconds:0.000} ms, smoothed {socket.SmoothedRoundTripTime?.TotalMilliseconds:0.000} ms");
    }
    while (await second.WaitForNextTickAsync());
}
catch (WebSocketClosedException e)
{
    Console.WriteLine($"Closed: {(int)e.Result.Code} {e.Result.Reason} ({e.Result.Cause})");
}
