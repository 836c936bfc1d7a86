namespace Sockeye;

/// <summary>Reads the body of a response of HTTP/2, which the framework's stream holds.</summary>
/// <param name="stream">The stream.</param>
/// <param name="cancellationToken">Ends it.</param>
internal sealed class Http2Body(Stream stream, CancellationToken cancellationToken) : ResponseBody
{
    protected override async ValueTask ReadAllAsync()
    {
        byte[] buffer = new byte[4096];
        while (Room > 0)
        {
            int count = await stream.ReadAsync(buffer.AsMemory(0, Math.Min(buffer.Length, Room)), cancellationToken).ConfigureAwait(false);
            if (count == 0)
                return;
            Take(buffer.AsSpan(0, count));
        }
    }
}
