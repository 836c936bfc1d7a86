namespace Sockeye.Protocol.Tests.Messages;

public sealed class ProtocolLimitsTests
{
    [Fact]
    public void Defaults_are_16_MiB_and_131072_fragments_and_checked_text() =>
        Assert.Equal((16_777_216, 131_072, false), (
            ProtocolLimits.Default.MaxMessageSize, ProtocolLimits.Default.MaxFragments, ProtocolLimits.Default.SkipUtf8Validation));

    [Fact]
    public void Negative_limits_throw()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ProtocolLimits { MaxMessageSize = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ProtocolLimits { MaxFragments = -1 });
    }

    [Fact]
    public void Limits_of_the_same_values_are_equal() =>
        Assert.Equal(
            new ProtocolLimits { MaxMessageSize = 1, MaxFragments = 2, SkipUtf8Validation = true },
            new ProtocolLimits { MaxMessageSize = 1 } with { MaxFragments = 2, SkipUtf8Validation = true });
}
