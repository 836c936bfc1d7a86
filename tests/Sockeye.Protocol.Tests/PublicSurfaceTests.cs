using Sockeye.Testing;

namespace Sockeye.Protocol.Tests;

public sealed class PublicSurfaceTests
{
    [Fact]
    public void Public_surface_of_Sockeye_Protocol_is_the_one_that_was_reviewed()
    {
        if (PublicSurface.Review(typeof(MessageAssembler).Assembly) is { } difference)
            Assert.Fail(difference);
    }
}
