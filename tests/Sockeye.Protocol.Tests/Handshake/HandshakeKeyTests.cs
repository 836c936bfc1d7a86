namespace Sockeye.Protocol.Tests.Handshake;

public sealed class HandshakeKeyTests
{
    [Fact]
    public void ComputeAccept_of_the_key_in_the_RFC_gives_its_answer() =>
        Assert.Equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", HandshakeKey.ComputeAccept("dGhlIHNhbXBsZSBub25jZQ=="));

    [Fact]
    public void Create_of_16_bytes_is_their_base64() =>
        Assert.Equal("dGhlIHNhbXBsZSBub25jZQ==", HandshakeKey.Create("the sample nonce"u8));

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    public void Create_of_another_number_of_bytes_throws(int count) =>
        Assert.Throws<ArgumentException>(() => HandshakeKey.Create(new byte[count]));

    [Theory]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", true)]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAA==", true)]
    [InlineData("++++++++++//////////AA==", true)]
    [InlineData(null, false)]
    [InlineData("", false)]
    [InlineData("aaa", false)]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAA=", false)] // 17 bytes
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAA", false)] // 18 bytes
    [InlineData("AAAAAAAAAAAAAAAAAAAA", false)] // 15 bytes
    [InlineData("AAAAAAAAAAAAAAAAAAAA====", false)]
    [InlineData("AAAAAAAAAAAAAAAAAAAA A==", false)]
    [InlineData("AAAAAAAAAAAAAAAAAAAA-_==", false)]
    [InlineData("AAAAAAAAAAAAAAAAAAAAA\u00C0==", false)]
    [InlineData(" AAAAAAAAAAAAAAAAAAAAAA==", false)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==", false)]
    public void IsValid_wants_the_base64_of_16_bytes(string? key, bool expected) =>
        Assert.Equal(expected, HandshakeKey.IsValid(key));
}
