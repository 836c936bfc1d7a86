using System.Globalization;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Reads the body of a response of HTTP/1.1.</summary>
/// <param name="reader">What has read the head.</param>
/// <param name="response">The head.</param>
internal sealed class Http1Body(HeadReader reader, ResponseHead response) : ResponseBody
{
    // Chunks may be tiny: their lines may take this much more.
    private const int MaxRawBytes = 4 * MaxBytes;
    private const int MaxLineBytes = 256;

    private int _position;

    private ReadOnlySpan<byte> Rest => reader.Beyond[_position..];

    protected override async ValueTask ReadAllAsync()
    {
        if (response.StatusCode is 204 or 304 or < 200)
            return;
        if (HeaderTokens.Contains(response.Headers[HandshakeHeaders.TransferEncoding], "chunked"))
            await ReadChunksAsync().ConfigureAwait(false);
        else if (long.TryParse(response.Headers[HandshakeHeaders.ContentLength], NumberStyles.None, CultureInfo.InvariantCulture, out long length))
            await TakeAsync(length).ConfigureAwait(false);
        else
            await TakeAsync(long.MaxValue).ConfigureAwait(false);
    }

    private async ValueTask ReadChunksAsync()
    {
        while (await ReadLineAsync().ConfigureAwait(false) is { } line
            && long.TryParse(line.Split(';')[0].Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long size)
            && size > 0
            && await TakeAsync(size).ConfigureAwait(false)
            && await ReadLineAsync().ConfigureAwait(false) is "")
        {
            // one chunk after the other
        }
    }

    /// <summary>Takes so many bytes into the body; false where it is full or the connection has ended before.</summary>
    private async ValueTask<bool> TakeAsync(long count)
    {
        while (true)
        {
            int take = (int)Math.Min(Math.Min(count, Rest.Length), Room);
            Take(Rest[..take]);
            _position += take;
            count -= take;
            if (count == 0)
                return true;
            if (Room == 0 || !await ReceiveAsync().ConfigureAwait(false))
                return false;
        }
    }

    private async ValueTask<string?> ReadLineAsync()
    {
        while (true)
        {
            int end = Rest.IndexOf("\r\n"u8);
            if (end is >= 0 and <= MaxLineBytes)
            {
                string line = Encoding.Latin1.GetString(Rest[..end]);
                _position += end + 2;
                return line;
            }

            if (Rest.Length > MaxLineBytes || !await ReceiveAsync().ConfigureAwait(false))
                return null;
        }
    }

    private async ValueTask<bool> ReceiveAsync() =>
        reader.Beyond.Length <= MaxRawBytes && await reader.ReceiveAsync().ConfigureAwait(false);
}
