using System.Net.WebSockets;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebSockets;
using Sockeye.Protocol;
using Sockeye.Testing;

namespace Sockeye.AspNetCore.Tests.Guides;

/// <summary>Holds the tables of the guides <c>docs/coming-from-*.md</c> against what is really there.</summary>
public sealed partial class GuideTablesTests
{
    private const BindingFlags Seen = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static;

    private static readonly Assembly[] Ours =
        [typeof(Opcode).Assembly, typeof(WebSocketConnection).Assembly, typeof(WebSocketResult).Assembly];

    // What of the framework the tables may name: types, and members behind the name of their type.
    private static readonly Assembly[] Frameworks =
    [
        typeof(object).Assembly, typeof(Uri).Assembly, typeof(WebSocket).Assembly, typeof(ClientWebSocket).Assembly,
        typeof(System.Net.Sockets.Socket).Assembly, typeof(System.Net.CookieContainer).Assembly, typeof(System.Net.Security.SslStream).Assembly,
        typeof(System.Security.Cryptography.X509Certificates.X509Certificate2).Assembly, typeof(HttpClient).Assembly,
        typeof(System.Net.WebProxy).Assembly, typeof(HttpContext).Assembly, typeof(WebApplication).Assembly,
        typeof(Microsoft.Extensions.Hosting.HostOptions).Assembly, typeof(System.Security.Claims.ClaimsPrincipal).Assembly,
    ];

    private static readonly ILookup<string, Type> OurTypes = TypesOf(Ours);

    private static readonly ILookup<string, Type> FrameworkTypes = TypesOf(Frameworks);

    private static readonly HashSet<string> OurMembers = [.. OurTypes.SelectMany(types => types).SelectMany(Members)];

    public static TheoryData<string> Guides =>
        new(Directory.GetFiles(Path.Combine(Checkout.Root, "docs"), "coming-from-*.md").Select(path => Path.GetFileName(path)));

    [Theory]
    [MemberData(nameof(Guides))]
    public void Every_name_beside_theirs_exists(string guide)
    {
        string[][] rows = [.. Rows(guide)];
        Assert.NotEmpty(rows);
        Assert.DoesNotContain(rows, row => row.Length < 2 || row[0].Length == 0 || row[1].Length == 0);
        string[] unknown = [.. rows.SelectMany(row => row.Skip(1)).SelectMany(CodeIn).SelectMany(UnknownIn).Distinct()];
        Assert.Empty(unknown);
    }

    [Theory]
    [InlineData("WebSocketConnection.SendTextAsync", true)]
    [InlineData("socket.SendTextAsync(\"No such name\")", true)]
    [InlineData("Socket.NoDelay", true)]
    [InlineData("X-Forwarded-For", true)]
    [InlineData("SendTextLater", false)]
    [InlineData("WebSocketConnection.Broadcast", false)] // a member of another type of ours
    [InlineData("NoDelay", false)] // a member of the framework, and of which type?
    [InlineData("socket.NoDelay", false)]
    public void Names_are_looked_up(string code, bool exists) => Assert.Equal(exists, !UnknownIn(code).Any());

    // What comes along with every exception, stream and attribute is not named.
    [Theory]
    [InlineData(typeof(WebSocket))]
    [InlineData(typeof(ClientWebSocket))]
    [InlineData(typeof(ClientWebSocketOptions))]
    [InlineData(typeof(WebSocketCreationOptions))]
    [InlineData(typeof(WebSocketDeflateOptions))]
    [InlineData(typeof(WebSocketReceiveResult))]
    [InlineData(typeof(ValueWebSocketReceiveResult))]
    [InlineData(typeof(WebSocketMessageType))]
    [InlineData(typeof(WebSocketMessageFlags))]
    [InlineData(typeof(WebSocketState))]
    [InlineData(typeof(WebSocketCloseStatus))]
    [InlineData(typeof(WebSocketError))]
    [InlineData(typeof(WebSocketException))]
    [InlineData(typeof(WebSocketContext))]
    [InlineData(typeof(WebSocketStream))]
    [InlineData(typeof(WebSocketOptions))]
    [InlineData(typeof(WebSocketManager))]
    [InlineData(typeof(WebSocketAcceptContext))]
    [InlineData(typeof(WebSocketMiddlewareExtensions))]
    [InlineData(typeof(WebSocketsDependencyInjectionExtensions))]
    public void Every_member_of_System_Net_WebSockets_has_its_row(Type type)
    {
        HashSet<string> named = [.. Rows("coming-from-system-net-websockets.md").Select(row => row[0]).SelectMany(CodeIn).SelectMany(
            code => Name.Matches(code).Select(match => match.Value))];
        string[] missing = [.. type
            .GetMembers(Seen | BindingFlags.DeclaredOnly)
            .Where(member => member is not (ConstructorInfo or MethodInfo { IsSpecialName: true } or FieldInfo { IsSpecialName: true }))
            .Where(IsNew)
            .Select(member => member.Name)
            .Distinct()
            .Where(name => !named.Contains(name))];
        Assert.Empty(missing);
        Assert.Contains(type.Name, named);

        bool IsNew(MemberInfo member) =>
            (member as MethodInfo ?? (member as PropertyInfo)?.GetMethod)?.GetBaseDefinition().DeclaringType?.Namespace is not { } origin
            || origin == type.Namespace;
    }

    // As its own code documents and uses them, where the peers of the interop tests are installed.
    [Theory]
    [InlineData(@"@param \{[^}]*\} \[options\.(?<name>\w+)", "websocket.js", "websocket-server.js", "permessage-deflate.js")]
    [InlineData(@"(?<name>WS_ERR_\w+)", "receiver.js", "sender.js", "permessage-deflate.js", "websocket.js")]
    public void Every_option_and_error_code_of_ws_has_its_row(string pattern, params string[] files)
    {
        string lib = Path.Combine(Checkout.Root, "tests", "Sockeye.Interop.Tests", "peers", "node_modules", "ws", "lib");
        Assert.SkipUnless(Directory.Exists(lib), "ws is not installed: eng/peers.sh does it.");
        HashSet<string> named = [.. Rows("coming-from-ws.md").Select(row => row[0]).SelectMany(CodeIn).SelectMany(
            code => Name.Matches(code).Select(match => match.Value))];
        string[] theirs = [.. files
            .SelectMany(file => Regex.Matches(File.ReadAllText(Path.Combine(lib, file)), pattern, RegexOptions.ExplicitCapture))
            .Select(match => match.Groups["name"].Value)
            .Distinct()];

        Assert.InRange(theirs.Length, 10, 100);
        Assert.Empty(theirs.Except(named).Except(["isServer"])); // which side it is: not an option of users
    }

    /// <summary>Gives the cells of each row, theirs first and ours second.</summary>
    private static IEnumerable<string[]> Rows(string guide)
    {
        bool isInTable = false;
        foreach (string line in File.ReadLines(Path.Combine(Checkout.Root, "docs", guide)))
        {
            if (!line.StartsWith('|'))
            {
                isInTable = false;
                continue;
            }

            string[] cells = [.. line.Split('|')[1..^1].Select(cell => cell.Trim())];
            if (!isInTable)
                Assert.Equal("Sockeye", cells[1]);
            else if (!cells[0].StartsWith("---", StringComparison.Ordinal))
                yield return cells;
            isInTable = true;
        }
    }

    private static IEnumerable<string> CodeIn(string cell) => Code.Matches(cell).Select(match => match.Groups["code"].Value);

    /// <summary>Finds the names in a piece of code that nothing public has; what stands between quotation marks, headers, and what is
    /// written in capitals alone are no names.</summary>
    private static IEnumerable<string> UnknownIn(string code)
    {
        foreach (Match match in Dotted.Matches(Quoted.Replace(code, "")))
        {
            string[] names = match.Value.Split('.');
            for (int i = 0; i < names.Length; i++)
            {
                string before = i == 0 ? "" : names[i - 1];
                if (char.IsUpper(names[i][0]) && names[i].Any(char.IsLower) && !Exists(before, names[i]))
                    yield return $"{names[i]} in `{code}`";
            }
        }
    }

    private static bool Exists(string before, string name)
    {
        if (OurTypes.Contains(before) || FrameworkTypes.Contains(before))
            return OurTypes[before].Concat(FrameworkTypes[before]).SelectMany(Members).Contains(name);
        return OurMembers.Contains(name) || (before.Length == 0 && (OurTypes.Contains(name) || FrameworkTypes.Contains(name)));
    }

    private static IEnumerable<string> Members(Type type) => type.GetMembers(Seen | BindingFlags.FlattenHierarchy).Select(member => member.Name);

    private static ILookup<string, Type> TypesOf(Assembly[] assemblies) =>
        assemblies.SelectMany(assembly => assembly.GetExportedTypes()).ToLookup(type => type.Name.Split('`')[0]);

    [GeneratedRegex("`(?<code>[^`]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex Code { get; }

    [GeneratedRegex("\"[^\"]*\"", RegexOptions.ExplicitCapture)]
    private static partial Regex Quoted { get; }

    [GeneratedRegex(@"(?<![\w-])\w+(\.\w+)*(?![\w-])", RegexOptions.ExplicitCapture)]
    private static partial Regex Dotted { get; }

    [GeneratedRegex(@"\w+", RegexOptions.ExplicitCapture)]
    private static partial Regex Name { get; }
}
