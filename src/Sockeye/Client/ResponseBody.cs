using System.Buffers;
using System.Globalization;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Reads the beginning of the body of a response that is no upgrade, for people to see why.</summary>
/// <remarks>Lenient: what is malformed or breaks off ends the body. Bounded in every direction.</remarks>
internal sealed class ResponseBody(HeadReader reader)
{
    public const int MaxBytes = 64 * 1024;

    // Chunks may be tiny: their lines may take this much more.
    private const int MaxRawBytes = 4 * MaxBytes;
    private const int MaxLineBytes = 256;

    private readonly ArrayBufferWriter<byte> _body = new();
    private int _position;

    private ReadOnlySpan<byte> Rest => reader.Beyond[_position..];

    public static async ValueTask<byte[]> ReadAsync(HeadReader reader, ResponseHead response)
    {
        var body = new ResponseBody(reader);
        try
        {
            await body.ReadAsync(response).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // What has come until here may tell enough.
        }

        return body._body.WrittenSpan.ToArray();
    }

    private async ValueTask ReadAsync(ResponseHead response)
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
            int take = (int)Math.Min(Math.Min(count, Rest.Length), MaxBytes - _body.WrittenCount);
            if (take > 0)
                _body.Write(Rest[..take]);
            _position += take;
            count -= take;
            if (count == 0)
                return true;
            if (_body.WrittenCount == MaxBytes || !await ReceiveAsync().ConfigureAwait(false))
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
