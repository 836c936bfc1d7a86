using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>The cases are the ones that everybody counts, and in their script is what they are known for.</summary>
public sealed class CatalogTests
{
    [Fact]
    public void Catalog_holds_517_cases_each_once_and_in_order()
    {
        ConformanceCase[] classic = [.. CaseCatalog.Full.Where(one => one.IsClassic)];
        (int, int)[] groups = [.. classic.GroupBy(one => one.Group).Select(group => (group.Key, group.Count()))];

        Assert.Equal([(1, 16), (2, 11), (3, 7), (4, 10), (5, 20), (6, 145), (7, 37), (9, 54), (10, 1), (12, 90), (13, 126)], groups);
        Assert.Equal(517, classic.Select(one => one.Id).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(CaseCatalog.Full.Count, CaseCatalog.Full.Select(one => one.Id).Distinct(StringComparer.Ordinal).Count());
        Version[] numbers = [.. CaseCatalog.Full.Select(one => Version.Parse(one.Id))];
        Assert.Equal(numbers.Order(), numbers);
    }

    [Fact]
    public void Catalog_has_a_title_of_its_own_for_each_case()
    {
        Assert.Equal(CaseCatalog.Full.Count, CaseCatalog.Full.Select(one => $"{one.Group} {one.Title}").Distinct(StringComparer.Ordinal).Count());
        Assert.All(CaseCatalog.Full, one => Assert.StartsWith("RFC ", one.Section, StringComparison.Ordinal));
    }

    [Fact]
    public void Short_profile_differs_in_the_compressed_messages_alone()
    {
        Assert.Equal(CaseCatalog.Full.Select(one => one.Id), CaseCatalog.Short.Select(one => one.Id));
        foreach ((ConformanceCase full, ConformanceCase brief) in CaseCatalog.Full.Zip(CaseCatalog.Short))
        {
            if (full.Group is not (12 or 13))
                Assert.Equal(full.Title, brief.Title);
        }

        Assert.Equal(1000, Case("12.2.5").Script.OfType<SendMessage>().Count());
        Assert.Equal(20, CaseSelection.Select(CaseCatalog.Short, "12.2.5")[0].Script.OfType<SendMessage>().Count());
    }

    [Theory]
    [InlineData("1.1.7", true, "1000", true, 10, true)]
    [InlineData("1.1.1", true, "1000", true, 1, true)]
    [InlineData("2.6", true, "1000", true, 2, false)]
    [InlineData("2.11", true, "1000", true, 3, false)]
    [InlineData("2.5", false, "1002", false, 1, true)]
    [InlineData("3.4", false, "1002", false, 1, true)]
    [InlineData("5.20", true, "1000", true, 2, false)]
    [InlineData("6.3.2", false, "1007", false, 1, true)]
    [InlineData("6.4.4", false, "1007", false, 3, true)]
    [InlineData("6.22.34", true, "1000", true, 0.5, true)]
    [InlineData("7.3.6", true, "1002", false, 1, true)]
    [InlineData("7.5.1", true, "1002 1007", false, 1, true)]
    [InlineData("7.7.13", true, "1000 4999", true, 1, true)]
    [InlineData("9.1.2", true, "1000", true, 10, false)]
    [InlineData("9.1.3", true, "1000", true, 100, false)]
    [InlineData("9.2.4", true, "1000", true, 10, false)]
    [InlineData("9.2.5", true, "1000", true, 100, false)]
    [InlineData("9.8.6", true, "1000", true, 480, false)]
    [InlineData("10.1.1", true, "1000", true, 10, true)]
    [InlineData("13.7.18", true, "1000", true, 480, false)]
    public void Case_ends_as_it_is_known_to(string id, bool closesSuite, string codes, bool isClean, double seconds, bool fails)
    {
        ConformanceCase one = Case(id);

        Assert.Equal(closesSuite ? Side.Suite : Side.Peer, one.Close.By);
        Assert.Equal(codes, string.Join(' ', one.Close.Codes));
        Assert.Equal(isClean, one.Close.IsCleanRequired);
        Assert.Equal(new CaseLimit(TimeSpan.FromSeconds(seconds), fails), one.Limit);
    }

    [Fact]
    public void Reserved_bits_count_from_1_to_7()
    {
        int[] bits = [.. Enumerable.Range(1, 7).Select(i => Case($"3.{i}").Script.OfType<SendFrame>().Single(frame => frame.Rsv > 0).Rsv)];
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], bits);
    }

    [Fact]
    public void Invalid_text_is_valid_where_the_table_says_so_and_nowhere_else()
    {
        foreach (ConformanceCase one in CaseCatalog.Full.Where(one => one.Group == 6 && !one.Id.StartsWith("6.4.", StringComparison.Ordinal)))
        {
            byte[] text = [.. one.Script.OfType<SendFrame>().SelectMany(frame => frame.Payload.ToArray())];
            bool isValid = System.Text.Unicode.Utf8.IsValid(text);
            Assert.Equal(isValid ? Side.Suite : Side.Peer, one.Close.By);
            Assert.Equal(isValid ? 1 : 0, one.Expected.Count);
        }
    }

    [Fact]
    public void Data_is_of_the_known_sizes_and_gives_windows_of_whole_characters()
    {
        Assert.Equal([194_056, 263_222, 222_218, 263_647, 1_042_328], SampleData.All.Select(data => data.Length));
        foreach (SampleData data in SampleData.All)
        {
            foreach (int index in (int[])[0, 1, 2, 7, 999])
            {
                byte[] window = data.Window(index, 131_072).ToArray();
                Assert.Equal(131_072, data.IsText ? System.Text.Encoding.UTF8.GetString(window).Length : window.Length);
                Assert.False(data.IsText && !System.Text.Unicode.Utf8.IsValid(window));
            }
        }
    }

    [Fact]
    public void Payload_that_repeats_is_compared_as_the_bytes_it_stands_for()
    {
        var payload = Payload.Repeat("abc"u8.ToArray(), 10);

        Assert.Equal("abcabcabca"u8.ToArray(), payload.ToArray());
        Assert.True(payload.IsSameAs("abcabcabca"u8));
        Assert.False(payload.IsSameAs("abcabcabcb"u8));
        Assert.False(payload.IsSameAs("abcabcabxa"u8));
        Assert.False(payload.IsSameAs("abcabcabc"u8));
        Assert.True(Payload.Repeat("abc"u8.ToArray(), 2).IsSameAs("ab"u8));
        Assert.True(Payload.Empty.IsSameAs(""u8));
    }

    [Fact]
    public void Selection_takes_numbers_and_patterns_in_the_order_of_the_cases()
    {
        Assert.Equal(
            ["5.19", "6.4.1", "6.4.2", "6.4.3", "6.4.4", "10.1.1"],
            CaseSelection.Select(CaseCatalog.Full, "10.1.1, 6.4.*,5.19,6.4.2").Select(one => one.Id));
        Assert.Equal(16, CaseSelection.Select(CaseCatalog.Full, "1.*").Count);
        Assert.Equal(CaseCatalog.Full, CaseSelection.Select(CaseCatalog.Full, null));
        Assert.Throws<ArgumentException>(() => CaseSelection.Select(CaseCatalog.Full, "1.*,8.*"));
        Assert.Throws<ArgumentException>(() => CaseSelection.Select(CaseCatalog.Full, "1x1.1"));
    }

    [Fact]
    public void Frame_goes_out_with_every_bit_as_the_script_sets_it()
    {
        var output = new Outgoing();
        var encoder = new FrameEncoder(Role.Client, () => 0);
        var frame = new SendFrame((Opcode)0xB, Payload.Text("ab")) { IsFinal = false, Rsv = 5 };
        encoder.Write(output, frame);
        encoder.Write(output, frame with { IsMasked = false, LengthSize = 2, Chop = 4 });
        encoder.Write(output, frame with { IsMasked = false, LengthSize = 8, Sync = true });

        Assert.Equal(
            ["5b820000000061" + "62", "5b7e0002", "6162", "5b7f0000000000000002" + "6162"],
            output.Writes.Select(write => Convert.ToHexStringLower(write.Span)));
    }

    private static ConformanceCase Case(string id) => CaseSelection.Select(CaseCatalog.Full, id)[0];
}
