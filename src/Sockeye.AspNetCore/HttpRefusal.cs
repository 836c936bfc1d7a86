using System.Text;
using Microsoft.AspNetCore.Http;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Answers a request that is not upgraded, as the standalone server does (RFC 6455, section 4.2.2).</summary>
internal static class HttpRefusal
{
    public static async Task WriteAsync(HttpContext context, HandshakeRefusal refusal)
    {
        HttpResponse response = context.Response;
        response.StatusCode = refusal.StatusCode;
        foreach ((string name, string value) in refusal.Headers)
            response.Headers.Append(name, value);

        // These are for a connection of HTTP/1.1; where a stream of HTTP/2 ends, the others go on.
        if (!HttpProtocol.IsHttp2(context.Request.Protocol) && !HttpProtocol.IsHttp3(context.Request.Protocol))
        {
            response.Headers.Connection = refusal.StatusCode == 426 ? "close, Upgrade" : "close";
            if (refusal.StatusCode == 426)
                response.Headers.Upgrade = "websocket";
        }

        byte[] body = Encoding.UTF8.GetBytes(refusal.Body);
        response.ContentType ??= "text/plain; charset=utf-8";
        response.ContentLength = body.Length;
        // Without the token of the request: a write ends with its stream anyway, and a peer that has gone is no failure of the application.
        if (!HttpMethods.IsHead(context.Request.Method))
            await response.Body.WriteAsync(body, CancellationToken.None).ConfigureAwait(false);
    }
}
