using System.Text;

namespace Sockeye.Tests.Server;

public sealed class PackedHeadTests
{
    private const string Usual =
        "GET /chat HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

    [Theory]
    [InlineData(Usual)]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nhost: a\r\nUPGRADE: websocket\r\nUpgrade: websocket, h2c\r\nHost:\r\nHost: \r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nX: Host: \tHost: b\u00e9\r\nUser-Agent: Mozilla/5.0\r\nUser-Agent: Mozilla/5.0 (X11)\r\n\r\n")]
    [InlineData("")]
    public void Unpack_gives_the_head_back_as_it_came(string head)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(head);
        Assert.Equal(bytes, PackedHead.Unpack(PackedHead.Pack(bytes)));
    }

    [Fact]
    public void Unpack_gives_any_head_back_as_it_came()
    {
        string[] pieces =
        [
            "\r\n", "\r\nHost: ", "\r\nUpgrade: websocket", "\r\nConnection: ", "Upgrade", "keep-alive, Upgrade", "\r\nSec-WebSocket-",
            "Key: ", "Version: 13", "Extensions: permessage-deflate", "; client_max_window_bits", "\r\nUser-Agent: ", "Mozilla/5.0 (", "\t", "\u00ff", "x",
        ];
        var random = new Random(1);
        for (int round = 0; round < 2000; round++)
        {
            byte[] head = Encoding.Latin1.GetBytes(string.Concat(Enumerable.Range(0, random.Next(20)).Select(_ => pieces[random.Next(pieces.Length)])));
            Assert.Equal(head, PackedHead.Unpack(PackedHead.Pack(head)));
        }
    }

    [Fact]
    public void Pack_of_a_usual_head_leaves_little_but_what_differs()
    {
        byte[] packed = PackedHead.Pack(Encoding.ASCII.GetBytes(Usual));
        Assert.True(packed.Length < Usual.Length / 2, $"{packed.Length} of {Usual.Length} bytes");
    }
}
