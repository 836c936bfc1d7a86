using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Sockeye.Fuzzing;

/// <summary>The opening handshake as a server must judge it, as a pure function from the bytes of a request to the statuses that may
/// answer it. Written from RFC 6455, section 4.2, RFC 9110 and 9112; it shares nothing with the code under test.</summary>
public static partial class SpecHandshake
{
    private const string SingleToken = "[!#$%&'*+.^_`|~0-9A-Za-z-]";
    private const string Token = SingleToken + "+";
    private const string Extension = $"""{Token}(?:[ \t]*;[ \t]*{Token}(?:[ \t]*=[ \t]*(?:{Token}|"(?:\\?{SingleToken})+"))?)*""";
    private const int MaxHead = 16 * 1024;
    private const int MaxLine = 8 * 1024;
    private const int MaxLines = 100;

    /// <summary>Judges what a client has sent.</summary>
    /// <returns>101 where the request is valid; the statuses of all its faults where it is not; nothing where it is not whole and
    /// nothing is wrong with it yet.</returns>
    public static IReadOnlySet<int> Judge(byte[] bytes)
    {
        string text = Encoding.Latin1.GetString(bytes);
        Match end = HeadEnd().Match(text);
        bool isWhole = end.Success && end.Index + end.Length <= MaxHead;
        string head = isWhole ? text[..end.Index] : text[..Math.Min(text.Length, MaxHead)];

        var faults = new SortedSet<int>();
        if (!isWhole && head.Length == MaxHead)
            faults.Add(431);
        // A line break may be cut in two at the end of what has come.
        bool isCut = !isWhole && head.Length < MaxHead && head.EndsWith('\r');
        if (isCut)
            head = head[..^1];
        if (BareBreak().IsMatch(head) || Control().IsMatch(head))
            faults.Add(400);
        string[] lines = head.Split("\r\n");
        if (lines[0].Length > MaxLine)
            faults.Add(414);
        if (lines.Skip(1).Any(line => line.Length > MaxLine) || lines.Skip(1).Count(line => line.Length > 0) > MaxLines)
            faults.Add(431);
        if (!isWhole || faults.Count > 0)
            return faults;

        JudgeWhole(lines, faults);
        if (faults.Count == 0)
            faults.Add(101);
        return faults;
    }

    private static void JudgeWhole(string[] lines, SortedSet<int> faults)
    {
        Match request = RequestLine().Match(lines[0]);
        Match[] fields = [.. lines.Skip(1).Select(line => Field().Match(line))];
        if (!request.Success || fields.Any(field => !field.Success))
        {
            faults.Add(400);
            return;
        }

        ILookup<string, string> headers = fields.ToLookup(
            field => field.Groups["name"].Value, field => field.Groups["value"].Value, StringComparer.OrdinalIgnoreCase);
        bool isOld = request.Groups["minor"].Value == "0";
        Require(request.Groups["method"].Value == "GET", 405);
        JudgeHost([.. headers["Host"]], isOld, request.Groups["target"].Value, faults);
        Require(Names("Upgrade", "websocket") && !isOld, 426);
        Require(Names("Connection", "Upgrade"), 400);
        Require(!headers.Contains("Transfer-Encoding") && headers["Content-Length"].DefaultIfEmpty("0").SequenceEqual(["0"]), 400);
        Require(headers["Sec-WebSocket-Version"].Count() == 1, 400);
        Require(headers["Sec-WebSocket-Version"].All(version => version is "13" or "8"), 426);
        Require(headers["Sec-WebSocket-Key"].Count() == 1 && Key().IsMatch(headers["Sec-WebSocket-Key"].First()), 400);
        string[]? protocols = List("Sec-WebSocket-Protocol", "(" + Token + ")");
        Require(protocols is not null && protocols.Distinct().Count() == protocols.Length, 400);
        Require(List("Sec-WebSocket-Extensions", Extension) is not null, 400);

        void Require(bool holds, int otherwise)
        {
            if (!holds)
                faults.Add(otherwise);
        }

        bool Names(string header, string token) => headers[header].SelectMany(value => value.Split(','))
            .Any(element => string.Equals(element.Trim(' ', '\t'), token, StringComparison.OrdinalIgnoreCase));

        // Null where it is no list of such elements; empty elements count for nothing, and a list has one that is not (RFC 9110, 5.6.1).
        string[]? List(string header, string element)
        {
            if (!headers.Contains(header))
                return [];
            Match list = Regex.Match(string.Join(",", headers[header]), $@"^(?:[ \t,]*(?<element>{element})[ \t]*(?=,|$))+[ \t,]*$");
            return list.Success ? [.. list.Groups["element"].Captures.Select(capture => capture.Value)] : null;
        }
    }

    private static void JudgeHost(string[] hosts, bool isOld, string target, SortedSet<int> faults)
    {
        Match host = Authority().Match(hosts.Length == 1 ? hosts[0] : "");
        bool isThere = host.Success && Port(host) <= 65_535 && IsAddress(host);
        if (!isThere && (!isOld || hosts.Length > 0))
            faults.Add(400);
        Match absolute = AbsoluteTarget().Match(target);
        if (!absolute.Success)
        {
            if (target[0] != '/')
                faults.Add(400);
            return;
        }

        Match named = Authority().Match(absolute.Groups["authority"].Value);
        int defaultPort = absolute.Groups["secure"].Success ? 443 : 80;
        if (!named.Success
            || !string.Equals(named.Groups["host"].Value, host.Groups["host"].Value, StringComparison.OrdinalIgnoreCase)
            || Or(Port(named), defaultPort) != Or(Port(host), defaultPort))
        {
            faults.Add(400);
        }

        static int Or(int port, int otherwise) => port < 0 ? otherwise : port;

        static bool IsAddress(Match host) => !host.Groups["six"].Success
            || (IPAddress.TryParse(host.Groups["six"].Value, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetworkV6);
    }

    private static int Port(Match authority) =>
        authority.Groups["port"].Value is { Length: > 0 } port ? int.Parse(port, CultureInfo.InvariantCulture) : -1;

    // The empty line; the first line of all is none.
    [GeneratedRegex("(?<=\r\n)\r\n|(?<!^)\r\n\r\n")]
    private static partial Regex HeadEnd();

    [GeneratedRegex("\r(?!\n)|(?<!\r)\n")]
    private static partial Regex BareBreak();

    [GeneratedRegex("[\0-\x08\x0B\x0C\x0E-\x1F\x7F]")]
    private static partial Regex Control();

    [GeneratedRegex($"^(?<method>{Token}) (?<target>[!\"$-~]+) HTTP/1\\.(?<minor>[01])$")]
    private static partial Regex RequestLine();

    [GeneratedRegex($"^(?<name>{Token}):[ \t]*(?<value>.*?)[ \t]*$")]
    private static partial Regex Field();

    // The last bits of a key may be set: an example in RFC 6455, section 4.1, has them.
    [GeneratedRegex("^[A-Za-z0-9+/]{22}==$")]
    private static partial Regex Key();

    [GeneratedRegex(@"^(?<host>[A-Za-z0-9._~-]{1,255}|\[(?<six>[0-9A-Fa-f:.]+)\])(?::(?<port>[0-9]{0,5}))?$")]
    private static partial Regex Authority();

    [GeneratedRegex("^http(?<secure>s)?://(?<authority>[^/?]*)", RegexOptions.IgnoreCase)]
    private static partial Regex AbsoluteTarget();
}
