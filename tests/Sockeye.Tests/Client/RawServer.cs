using System.Net;
using System.Net.Sockets;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Tests.Client;

/// <summary>A server as bare bytes over a socket: it reads one request and answers what the test says.</summary>
internal sealed class RawServer : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private Socket? _client;

    public RawServer()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public string Uri => $"ws://127.0.0.1:{Port}/";

    /// <summary>The head of the request, once it has been read.</summary>
    public string Request { get; private set; } = "";

    public Socket Client => _client!;

    /// <summary>Accepts a client, and reads nothing.</summary>
    public async Task AcceptRawAsync() => _client = await _listener.AcceptAsync().WaitAsync(Patience);

    /// <summary>Accepts a client and reads its request.</summary>
    public async Task AcceptAsync()
    {
        await AcceptRawAsync();
        var received = new StringBuilder();
        byte[] buffer = new byte[4096];
        while (!received.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            int count = await _client!.ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(Patience);
            Assert.NotEqual(0, count);
            received.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }

        Request = received.ToString();
    }

    /// <summary>Accepts a client, reads its request and answers; <c>{accept}</c> stands for the answer to its key.</summary>
    public async Task AnswerAsync(string answer, bool end = false)
    {
        await AcceptAsync();
        await SendAsync(answer);
        if (end)
            _client!.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Puts the answer to the client's key into a text.</summary>
    public string Fill(string text)
    {
        string key = Request.Split("\r\n").Single(line => line.StartsWith("Sec-WebSocket-Key: ", StringComparison.Ordinal)).Split(": ")[1];
        return text.Replace("{accept}", HandshakeKey.ComputeAccept(key), StringComparison.Ordinal);
    }

    public async Task SendAsync(string text)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(Fill(text));
        for (int sent = 0; sent < bytes.Length;)
            sent += await _client!.SendAsync(bytes.AsMemory(sent)).AsTask().WaitAsync(Patience);
    }

    /// <summary>Waits until the client has ended or reset the connection.</summary>
    public async Task AssertClientEndsAsync()
    {
        try
        {
            byte[] buffer = new byte[4096];
            while (await _client!.ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(Patience) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // a reset is an end as well
        }
    }

    public void Dispose()
    {
        _client?.Dispose();
        _listener.Dispose();
    }
}
