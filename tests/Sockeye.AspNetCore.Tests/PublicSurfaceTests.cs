using Sockeye.Testing;

namespace Sockeye.AspNetCore.Tests;

public sealed class PublicSurfaceTests
{
    [Fact]
    public void Public_surface_of_Sockeye_AspNetCore_is_the_one_that_was_reviewed()
    {
        if (PublicSurface.Review(typeof(WebSocketResult).Assembly) is { } difference)
            Assert.Fail(difference);
    }

    [Fact]
    public void Public_surface_of_Sockeye_Extensions_DependencyInjection_is_the_one_that_was_reviewed()
    {
        if (PublicSurface.Review(typeof(IWebSocketClientFactory).Assembly) is { } difference)
            Assert.Fail(difference);
    }

    [Fact]
    public void Public_surface_of_Sockeye_Testing_AspNetCore_is_the_one_that_was_reviewed()
    {
        if (PublicSurface.Review(typeof(TestServerExtensions).Assembly) is { } difference)
            Assert.Fail(difference);
    }
}
