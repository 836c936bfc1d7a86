namespace Sockeye.Protocol.Tests.Handshake;

public sealed class HttpHeadersTests
{
    [Fact]
    public void Lookup_of_a_repeated_name_joins_and_lists_its_values()
    {
        var headers = new HttpHeaders { { "A", "1" }, { "b", "x" }, { "a", "2" }, { "A", "3" } };

        Assert.Equal("1, 2, 3", headers["a"]);
        Assert.Equal(["1", "2", "3"], headers.GetValues("A"));
        Assert.Equal("x", headers["B"]);
        Assert.Null(headers["c"]);
        Assert.Empty(headers.GetValues("c"));
        Assert.True(headers.Contains("B"));
        Assert.False(headers.Contains("c"));
        Assert.Equal(4, headers.Count);
        Assert.Equal(["A", "b", "a", "A"], headers.Select(field => field.Key));
    }

    [Fact]
    public void Add_keeps_the_name_as_given_and_takes_space_off_the_value()
    {
        var headers = new HttpHeaders { { "x-ODD-case", " \ta b\t" } };

        Assert.Equal(new KeyValuePair<string, string>("x-ODD-case", "a b"), Assert.Single(headers));
    }

    // V26
    [Theory]
    [InlineData("X\r\nY", "a")]
    [InlineData("X\nY", "a")]
    [InlineData("X:", "a")]
    [InlineData("X Y", "a")]
    [InlineData("", "a")]
    [InlineData("X\0", "a")]
    [InlineData("\u00C9", "a")]
    [InlineData("X", "a\r\nY: b")]
    [InlineData("X", "a\nY: b")]
    [InlineData("X", "a\rY: b")]
    [InlineData("X", "\r\n")]
    [InlineData("X", "a\0")]
    [InlineData("X", "a\u001B[31m")]
    [InlineData("X", "a\u007F")]
    [InlineData("X", "a\u0100")]
    [InlineData("X", "a\u010A")] // its low byte is a line feed
    public void Add_refuses_what_breaks_a_line(string name, string value)
    {
        var headers = new HttpHeaders();

        Assert.Throws<ArgumentException>(() => headers.Add(name, value));
        Assert.Empty(headers);
    }

    [Fact]
    public void Remove_takes_a_field_away_as_often_as_it_is_there()
    {
        var headers = new HttpHeaders { { "A", "1" }, { "b", "2" }, { "a", "3" }, { "AB", "4" } };

        Assert.True(headers.Remove("a"));
        Assert.False(headers.Remove("a"));

        Assert.Equal(["b: 2", "AB: 4"], headers.Select(field => $"{field.Key}: {field.Value}"));
    }

    [Fact]
    public void Add_of_null_throws()
    {
        var headers = new HttpHeaders();

        Assert.Throws<ArgumentNullException>(() => headers.Add(null!, ""));
        Assert.Throws<ArgumentNullException>(() => headers.Add("X", null!));
    }
}
