using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>What a connection that echoes is sent: equal messages, so many of them in flight.</summary>
internal sealed record EchoShape(Opcode Opcode, int Size, int Depth)
{
    /// <summary>Makes as many equal frames as are in flight.</summary>
    public byte[] Frames(bool isMasked)
    {
        byte[] payload = new byte[Size];
        payload.AsSpan().Fill((byte)'x');
        var writer = new System.Buffers.ArrayBufferWriter<byte>();
        for (int i = 0; i < Depth; i++)
            FrameWriter.WriteFrame(writer, Opcode, payload, isFinal: true, isMasked ? 0x11223344u : null);
        return writer.WrittenSpan.ToArray();
    }
}

/// <summary>A client of bare frames in a process of its own, so that what it allocates is not counted here: this very assembly,
/// started again.</summary>
public sealed class EchoPeer : IDisposable
{
    private const string Variable = "SOCKEYE_ECHO_PEER";
    private const string Right = "right";

    private readonly Process _other;

    public EchoPeer()
    {
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [typeof(EchoPeer).Assembly.Location])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment[Variable] = "1";
        _other = Process.Start(start)!;
    }

    /// <summary>Lets the other process connect to a server and send messages, as many as come back, until the server ends the
    /// connection.</summary>
    /// <returns>What it reads; to be awaited when the connection has ended.</returns>
    internal async Task<Task> StartAsync(int port, bool tls, EchoShape shape)
    {
        await _other.StandardInput.WriteLineAsync(
            string.Create(CultureInfo.InvariantCulture, $"{port} {tls} {shape.Opcode} {shape.Size} {shape.Depth}"));
        await _other.StandardInput.FlushAsync();
        return AssertRightAsync();
    }

    public void Dispose()
    {
        if (!_other.HasExited)
            _other.Kill();
        _other.Dispose();
    }

    private async Task AssertRightAsync() => Assert.Equal(Right, await _other.StandardOutput.ReadLineAsync());

#pragma warning disable CA2255 // it is a program, and this is its other entry point
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void RunIfAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is null)
            return;
        while (Console.In.ReadLine() is { } order)
        {
            string[] words = order.Split(' ');
            int[] numbers = [.. words[3..].Select(int.Parse)];
            Console.WriteLine(Echo(int.Parse(words[0]), bool.Parse(words[1]), new(Enum.Parse<Opcode>(words[2]), numbers[0], numbers[1])));
        }

        Environment.Exit(0);
    }

    /// <summary>Sends messages and awaits their echoes, until the connection ends.</summary>
    /// <remarks>On this thread alone: the others wait for the end of a module's initializer.</remarks>
    private static string Echo(int port, bool tls, EchoShape shape)
    {
        byte[] frames = shape.Frames(isMasked: true);
        byte[] echoes = shape.Frames(isMasked: false);
        byte[] received = new byte[echoes.Length];
        int frame = frames.Length / shape.Depth;
        int echo = echoes.Length / shape.Depth;
        try
        {
            using Stream stream = Open(port, tls);
            stream.Write(frames);
            for (int at = 0; ;)
            {
                int more = stream.Read(received, at, received.Length - at);
                if (more == 0)
                    return Right;
                if (!received.AsSpan(at, more).SequenceEqual(echoes.AsSpan(at, more)))
                    return "an echo was wrong";
                int whole = ((at + more) / echo) - (at / echo);
                at = (at + more) % received.Length;
                stream.Write(frames, 0, whole * frame);
            }
        }
        catch (IOException)
        {
            return Right;
        }
    }

    private static Stream Open(int port, bool tls)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        Stream stream = new NetworkStream(socket, ownsSocket: true);
        if (tls)
        {
            var secure = new SslStream(stream);
            secure.AuthenticateAsClient(new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate?.Subject == "CN=localhost",
            });
            stream = secure;
        }

        stream.Write("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"u8);
        stream.Write("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"u8);
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            head.Append((char)stream.ReadByte());
        return stream;
    }
}
