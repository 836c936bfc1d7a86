using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.TestHost;
using Sockeye.Protocol;

namespace Sockeye.Testing;

/// <summary>Carries one request to upgrade from the server's end of a link to an application, and its answer back.</summary>
internal sealed class TestServerRequest(TestServer server, TestLink link, Action<HttpContext>? configure)
{
    private Exception? _failure;

    /// <summary>Gets what the application has thrown; null for nothing.</summary>
    public Exception? Failure => Volatile.Read(ref _failure);

    /// <summary>Serves the request; ends when the application has. Never throws.</summary>
    public async Task ServeAsync()
    {
        try
        {
            RequestHead head = await ReadHeadAsync().ConfigureAwait(false);
            Upgrade? upgrade = null;
            HttpContext answered = await server.SendAsync(context =>
            {
                Fill(context, head);
                context.Features.Set<IHttpUpgradeFeature>(upgrade = new Upgrade(context, link.Server));
                configure?.Invoke(context);
            }).ConfigureAwait(false);
            if (upgrade is not { IsDone: true })
                await AnswerAsync(answered).ConfigureAwait(false);
            await link.Server.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Volatile.Write(ref _failure, e);
            link.Reset();
        }
    }

    private static void Fill(HttpContext context, RequestHead head)
    {
        HttpRequest request = context.Request;
        request.Method = head.Method;
        request.Protocol = "HTTP/1.1";
        var path = PathString.FromUriComponent(head.Path);
        request.Path = path.StartsWithSegments(request.PathBase, StringComparison.OrdinalIgnoreCase, out PathString rest) ? rest : path;
        request.QueryString = head.Query.Length == 0 ? QueryString.Empty : new QueryString("?" + head.Query);
        request.Headers.Clear(); // the server has put a Host there
        foreach ((string name, string value) in head.Headers)
            request.Headers.Append(name, value);
    }

    private static HttpHeaders HeadersOf(HttpResponse response)
    {
        HttpHeaders headers = [];
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in response.Headers)
        {
            foreach (string? value in values)
                headers.Add(name, value ?? "");
        }

        return headers;
    }

    private async Task<RequestHead> ReadHeadAsync()
    {
        var scanner = new HeadScanner();
        byte[] received = new byte[64 * 1024];
        for (int count = 0; ;)
        {
            int more = await link.Server.ReadAsync(received.AsMemory(count)).ConfigureAwait(false);
            count += more;
            if (scanner.TryFindEnd(received.AsSpan(0, count), out int length, out HandshakeFault? fault)
                && RequestHead.TryParse(received.AsSpan(0, length), out RequestHead? head, out fault))
            {
                return head;
            }

            if (fault is not null || more == 0)
                throw new IOException($"The client's request cannot be read: {fault?.Message ?? "it ended"}.");
        }
    }

    /// <summary>Gives back what the application answered instead of upgrading.</summary>
    private async Task AnswerAsync(HttpContext answered)
    {
        using var body = new MemoryStream();
        await answered.Response.Body.CopyToAsync(body).ConfigureAwait(false);
        HttpHeaders headers = HeadersOf(answered.Response);
        if (!headers.Contains("Content-Length"))
            headers.Add("Content-Length", $"{body.Length}");
        await link.Server.WriteAsync(new ResponseHead(answered.Response.StatusCode, headers).ToBytes()).ConfigureAwait(false);
        await link.Server.WriteAsync(body.ToArray()).ConfigureAwait(false);
    }

    private sealed class Upgrade(HttpContext context, Stream stream) : IHttpUpgradeFeature
    {
        public bool IsDone { get; private set; }

        public bool IsUpgradableRequest => true;

        public async Task<Stream> UpgradeAsync()
        {
            if (IsDone)
                throw new InvalidOperationException("The request has been upgraded already.");
            IsDone = true;
            context.Response.StatusCode = StatusCodes.Status101SwitchingProtocols;
            byte[] head = new ResponseHead(StatusCodes.Status101SwitchingProtocols, HeadersOf(context.Response)).ToBytes();
            await stream.WriteAsync(head).ConfigureAwait(false);
            return stream;
        }
    }
}
