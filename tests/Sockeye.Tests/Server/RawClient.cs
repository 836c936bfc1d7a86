using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Tests.Server;

/// <summary>A client as bare bytes over a socket, under the control of the test.</summary>
internal sealed class RawClient : IDisposable
{
    public const string Key = "dGhlIHNhbXBsZSBub25jZQ==";
    public const string Accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly List<byte> _received = [];
    private Stream _stream;

    private RawClient(Socket socket)
    {
        Socket = socket;
        _stream = new NetworkStream(socket);
    }

    public Socket Socket { get; }

    public static async Task<RawClient> ConnectAsync(WebSocketServer server) => await ConnectAsync(server.EndPoints[0]);

    /// <summary>Connects.</summary>
    /// <param name="endPoint">Where to.</param>
    /// <param name="from">The address of this machine to come from; any where null.</param>
    public static async Task<RawClient> ConnectAsync(EndPoint endPoint, IPAddress? from = null)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (from is not null)
            socket.Bind(new IPEndPoint(from, 0));
        await socket.ConnectAsync(endPoint).WaitAsync(Patience);
        return new RawClient(socket);
    }

    /// <summary>Connects, sends, and reads up to the end.</summary>
    public static async Task<string> AskAsync(WebSocketServer server, string request)
    {
        using RawClient client = await ConnectAsync(server);
        await client.SendAsync(request);
        return await client.ReadToEndAsync();
    }

    /// <summary>Connects and opens a WebSocket connection; the head of the response has been read.</summary>
    public static async Task<RawClient> OpenAsync(WebSocketServer server, string path = "/", string headers = "")
    {
        RawClient client = await ConnectAsync(server);
        await client.SendAsync(Request(server, path, headers));
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        return client;
    }

    /// <summary>Makes a valid request to upgrade.</summary>
    /// <param name="server">The server, for Host.</param>
    /// <param name="path">The target.</param>
    /// <param name="headers">More headers, each with its line break.</param>
    public static string Request(WebSocketServer server, string path = "/", string headers = "") =>
        $"GET {path} HTTP/1.1\r\nHost: {server.EndPoints[0]}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + $"Sec-WebSocket-Key: {Key}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n";

    public async Task SecureAsync(SslClientAuthenticationOptions options)
    {
        var stream = new SslStream(_stream);
        await stream.AuthenticateAsClientAsync(options).WaitAsync(Patience);
        _stream = stream;
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(byte[] bytes) => await _stream.WriteAsync(bytes).AsTask().WaitAsync(Patience);

    public Task SendFrameAsync(Opcode opcode, string payload) => SendAsync(Frame(opcode, Encoding.UTF8.GetBytes(payload)));

    /// <summary>Makes a masked frame.</summary>
    public static byte[] Frame(Opcode opcode, byte[] payload)
    {
        var writer = new System.Buffers.ArrayBufferWriter<byte>();
        FrameWriter.WriteFrame(writer, opcode, payload, isFinal: true, 0x04030201u);
        return writer.WrittenSpan.ToArray();
    }

    /// <summary>Reads a head, up to and with its empty line.</summary>
    public async Task<string> ReadHeadAsync()
    {
        while (true)
        {
            string text = Encoding.Latin1.GetString([.. _received]);
            int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                _received.RemoveRange(0, end + 4);
                return text[..(end + 4)];
            }

            if (!await ReceiveAsync())
                return text;
        }
    }

    /// <summary>Reads a frame; null at the end.</summary>
    public async Task<(Opcode Opcode, byte[] Payload)?> ReadFrameAsync()
    {
        while (true)
        {
            if (FrameReader.TryReadFrame(_received.ToArray(), out FrameHeader header, out ReadOnlySpan<byte> payload))
            {
                byte[] data = payload.ToArray();
                _received.RemoveRange(0, header.Size + data.Length);
                return (header.Opcode, data);
            }

            if (!await ReceiveAsync())
                return null;
        }
    }

    public async Task<string> ReadTextAsync()
    {
        var frame = await ReadFrameAsync();
        Assert.Equal(Opcode.Text, frame?.Opcode);
        return Encoding.UTF8.GetString(frame!.Value.Payload);
    }

    /// <summary>Reads a Close frame and answers it.</summary>
    public async Task<(int Code, string Reason)> ReadCloseAsync()
    {
        var frame = await ReadFrameAsync();
        Assert.Equal(Opcode.Close, frame?.Opcode);
        byte[] payload = frame!.Value.Payload;
        await SendAsync(Frame(Opcode.Close, payload));
        return (BinaryPrimitives.ReadUInt16BigEndian(payload), Encoding.UTF8.GetString(payload.AsSpan(2)));
    }

    /// <summary>Reads what comes until the server ends its side.</summary>
    public async Task<string> ReadToEndAsync()
    {
        while (await ReceiveAsync())
        {
        }

        return Encoding.Latin1.GetString([.. _received]);
    }

    /// <summary>Reads until the server ends or resets the connection.</summary>
    public async Task<string> ReadToAnyEndAsync()
    {
        try
        {
            return await ReadToEndAsync();
        }
        catch (IOException)
        {
            return Encoding.Latin1.GetString([.. _received]);
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        Socket.Dispose();
    }

    private async Task<bool> ReceiveAsync()
    {
        byte[] buffer = new byte[16 * 1024];
        int count = await _stream.ReadAsync(buffer).AsTask().WaitAsync(Patience);
        _received.AddRange(buffer.AsSpan(0, count));
        return count > 0;
    }
}
