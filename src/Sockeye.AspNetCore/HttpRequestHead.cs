using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Makes the head of a request from what the server of HTTP has parsed.</summary>
internal static class HttpRequestHead
{
    public static RequestHead Of(HttpContext context)
    {
        HttpRequest request = context.Request;
        var headers = new HttpHeaders(request.Headers.Count);
        foreach ((string name, StringValues values) in request.Headers)
        {
            // The pseudo-headers of HTTP/2 are no headers.
            if (name.StartsWith(':'))
                continue;
            foreach (string? value in values)
                headers.AddChecked(name, value ?? "");
        }

        int minorVersion = HttpProtocol.IsHttp10(request.Protocol) ? 0 : 1;
        return new RequestHead(request.Method, TargetOf(context), headers, minorVersion);
    }

    /// <summary>Gets the target as it was sent, or, of a server that does not tell, one that means the same.</summary>
    private static string TargetOf(HttpContext context)
    {
        string? raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget;
        return RequestHead.IsTarget(raw) ? raw : context.Request.GetEncodedPathAndQuery();
    }
}
