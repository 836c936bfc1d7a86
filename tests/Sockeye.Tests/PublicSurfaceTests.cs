using Sockeye.Testing;

namespace Sockeye.Tests;

public sealed class PublicSurfaceTests
{
    [Fact]
    public void Public_surface_of_Sockeye_is_the_one_that_was_reviewed()
    {
        if (PublicSurface.Review(typeof(WebSocketConnection).Assembly) is { } difference)
            Assert.Fail(difference);
    }

    [Fact]
    public void Public_surface_of_Sockeye_Testing_is_the_one_that_was_reviewed()
    {
        if (PublicSurface.Review(typeof(TestLink).Assembly) is { } difference)
            Assert.Fail(difference);
    }
}
