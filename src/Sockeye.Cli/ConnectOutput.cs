using System.Globalization;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Cli;

/// <summary>Shows what happens on the connections of <c>sockeye connect</c>. Any thread may call it.</summary>
internal abstract class ConnectOutput
{
    private const int ShownBodyBytes = 1024;

    /// <summary>Shows where a connection is about to be made to.</summary>
    public abstract void Connecting(Uri uri);

    /// <summary>Shows a request as it is sent.</summary>
    public abstract void Asking(RequestHead request);

    /// <summary>Shows a response that is no upgrade, or that is.</summary>
    public abstract void Answered(ResponseHead response);

    public abstract void Opened(WebSocketConnection socket);

    /// <summary>Shows a message, a ping or a pong.</summary>
    public abstract void Received(WebSocketEvent e);

    public abstract void RoundTrip(TimeSpan time);

    public abstract void Closed(CloseResult end);

    /// <summary>Shows what went wrong.</summary>
    public void Failed(string message) => Failed(message, body: "");

    /// <summary>Shows what went wrong, and the beginning of what the server said about it.</summary>
    public void Failed(Exception exception)
    {
        ReadOnlyMemory<byte> body = (exception as WebSocketHandshakeException ?? exception.InnerException as WebSocketHandshakeException)?.Body ?? default;
        Failed(exception.Message, Encoding.UTF8.GetString(body.Span[..Math.Min(ShownBodyBytes, body.Length)]));
    }

    /// <summary>Shows what went wrong.</summary>
    /// <param name="message">What it was.</param>
    /// <param name="body">What the server said about it; empty where it said nothing.</param>
    protected abstract void Failed(string message, string body);
}

/// <summary>For people: messages go to standard output as they are, everything else to standard error.</summary>
internal sealed class ConnectTextOutput(bool isVerbose, bool isHttp2) : ConnectOutput
{
    private const int ShownBytes = 64;
    private const string Dim = "2";
    private const string Red = "31";
    private const string Cyan = "36";

    private readonly bool _isTerminal = !Console.IsOutputRedirected;
    private readonly bool _isOutputColoured = !Console.IsOutputRedirected && AllowsColours;
    private readonly bool _isErrorColoured = !Console.IsErrorRedirected && AllowsColours;

    // https://no-color.org
    private static bool AllowsColours =>
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")) && Environment.GetEnvironmentVariable("TERM") != "dumb";

    public override void Connecting(Uri uri)
    {
        if (isVerbose)
            Note($"* connecting to {uri.AbsoluteUri}");
    }

    public override void Asking(RequestHead request)
    {
        if (!isVerbose)
            return;
        Note($"> {request.Method} {request.Target} {VersionOf(request.MinorVersion)}");
        Show(">", request.Headers);
    }

    public override void Answered(ResponseHead response)
    {
        if (!isVerbose)
            return;
        // HTTP/2 has no words behind the status (RFC 9113, section 8.3.2).
        Note($"< {VersionOf(response.MinorVersion)} {response.StatusCode} {(isHttp2 ? "" : response.ReasonPhrase)}".TrimEnd());
        Show("<", response.Headers);
    }

    public override void Opened(WebSocketConnection socket)
    {
        if (!isVerbose)
            return;
        Note($"* open with {socket.RemoteEndPoint?.ToString() ?? "the server"}; subprotocol: {socket.Subprotocol ?? "none"}; "
            + $"permessage-deflate: {(socket.PerMessageDeflate is null ? "no" : "yes")}");
        if (socket.RemoteCertificate is { } certificate)
            Note($"* certificate of {certificate.Subject}, by {certificate.Issuer}");
    }

    public override void Received(WebSocketEvent e)
    {
        switch (e.Kind)
        {
            case WebSocketEventKind.Text:
                Console.WriteLine(_isTerminal ? TerminalText.Escape(e.Text) : e.Text);
                break;
            case WebSocketEventKind.Binary:
                string shown = Convert.ToHexStringLower(e.Data[..Math.Min(ShownBytes, e.Data.Length)]);
                Console.WriteLine(
                    Coloured(_isOutputColoured, Cyan, $"(binary, {e.Data.Length} bytes) {shown}{(e.Data.Length > ShownBytes ? "…" : "")}"));
                break;
            default:
                if (isVerbose)
                    Note($"* {(e.Kind == WebSocketEventKind.Ping ? "ping" : "pong")} {Convert.ToHexStringLower(e.Data)}".TrimEnd());
                break;
        }
    }

    public override void RoundTrip(TimeSpan time) =>
        Note(string.Create(CultureInfo.InvariantCulture, $"round trip {time.TotalMilliseconds:0.000} ms"));

    public override void Closed(CloseResult end) =>
        Show(end.IsClean ? Dim : Red, $"closed {(int)end.Code}{(end.Reason.Length > 0 ? " " + end.Reason : "")}");

    protected override void Failed(string message, string body)
    {
        if (isVerbose && body.Length > 0)
        {
            foreach (string line in body.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n'))
                Note($"< {line}");
        }

        Show(Red, message);
    }

    private string VersionOf(int minorVersion) => isHttp2 ? "HTTP/2" : $"HTTP/1.{minorVersion}";

    private void Show(string mark, HttpHeaders headers)
    {
        foreach ((string name, string value) in headers)
            Note($"{mark} {name}: {value}");
    }

    private void Note(string text) => Show(Dim, text);

    private void Show(string colour, string text) => Console.Error.WriteLine(Coloured(_isErrorColoured, colour, TerminalText.Escape(text)));

    private static string Coloured(bool isColoured, string colour, string text) => isColoured ? $"\u001B[{colour}m{text}\u001B[0m" : text;
}
