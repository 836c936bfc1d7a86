// A client behind a forward proxy: that of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), or the one that is given.
//   dotnet run --project samples/Echo/Server
//   dotnet run --project samples/ForwardProxy -- ws://127.0.0.1:8080 [http://name:password@proxy.example:3128]
// socks5:// and socks4a:// lead through such proxies, https:// to one over TLS. docs/proxies.md has the rest.
using System.Net;
using Sockeye;

IWebProxy proxy = args is [_, var address] ? new WebProxy(address) : HttpClient.DefaultProxy;
try
{
    await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(args[0], new() { Proxy = proxy });
    await socket.SendTextAsync("hello");
    Console.WriteLine($"Received: {(await socket.ReceiveAsync()).GetText()}");
}
catch (WebSocketHandshakeException e) when (e.Cause == HandshakeFailure.Proxy)
{
    Console.WriteLine($"The proxy: {e.StatusCode} {e.Message}");
    return 1;
}

return 0;
