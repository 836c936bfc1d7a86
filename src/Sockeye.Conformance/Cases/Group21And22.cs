using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Group 21: requests of the opening handshake, judged of servers. Group 22: responses, judged of clients (RFC 6455, sections 4.1
/// and 4.2).</summary>
internal static class Group21And22
{
    private const string Key = "Sec-WebSocket-Key";
    private const string Version = "Sec-WebSocket-Version";
    private const string Accept = "Sec-WebSocket-Accept";
    private const string Protocol = "Sec-WebSocket-Protocol";
    private const string Extensions = "Sec-WebSocket-Extensions";

    // Whoever refuses an upgrade may answer so, whatever the reason.
    private static readonly IReadOnlyList<int> BadRequest = [400, 426];
    private static readonly Payload Hello = Payload.Text("Hello");

    public static IEnumerable<ConformanceCase> All => [.. GoodRequests(), .. BadRequests(), .. GoodResponses(), .. BadResponses()];

    private static IEnumerable<ConformanceCase> GoodRequests()
    {
        HandshakeText good = HandshakeText.Request;

        yield return Accepted("21.1.1", "Request with no more than it must hold", good);
        yield return Accepted("21.1.2", "Request byte by byte", good with { IsByteByByte = true });
        yield return Accepted("21.1.3", "Names of fields in capital letters", good.Renaming(name => name.ToUpperInvariant()));
        yield return Accepted("21.1.4", "Names of fields in small letters", good.Renaming(name => name.ToLowerInvariant()));
        yield return Accepted("21.1.5", "Upgrade: WebSocket", good.With("Upgrade", "WebSocket"));
        yield return Accepted("21.1.6", "Connection: upgrade", good.With("Connection", "upgrade"));
        yield return Accepted("21.1.7", "Connection: keep-alive, Upgrade", good.With("Connection", "keep-alive, Upgrade"));
        yield return Accepted("21.1.8", "Values with spaces and tabs around them", good.With("Upgrade", " \twebsocket\t ").With("Connection", "   Upgrade  "));
        yield return Accepted("21.1.9", "Fields in another order", good with { Fields = [.. good.Fields.Reverse()] });
        yield return Accepted("21.1.10", "Fields that nobody knows", good.Adding("X-Unknown", "1").Adding("User-Agent", "").Adding("Cookie", "a=b"));
        yield return Accepted("21.1.11", "Extension that nobody knows", good.Adding(Extensions, "x-unknown; parameter=\"value\", x-other"));
        yield return Accepted("21.1.12", "Two fields for two extensions that nobody knows", good.Adding(Extensions, "x-unknown").Adding(Extensions, "x-other"));
        yield return Accepted("21.1.13", "Fields of 4000 bytes", good.Adding("X-Long", new string('x', 4000)));
    }

    private static IEnumerable<ConformanceCase> BadRequests()
    {
        HandshakeText good = HandshakeText.Request;

        yield return Refused("21.2.1", "Method POST", good with { FirstLine = "POST {target} HTTP/1.1" }, [405, 400]);
        yield return Refused("21.2.2", "Method get in small letters", good with { FirstLine = "get {target} HTTP/1.1" }, [405, 400, 501]);
        yield return Refused("21.2.3", "HTTP/1.0", good with { FirstLine = "GET {target} HTTP/1.0" }, [400, 426, 505]);
        yield return Refused("21.2.4", "No Host", good.Without("Host"), [400]);
        yield return Refused("21.2.5", "Host twice", good.Adding("Host", "{host}"), [400]);
        yield return Refused("21.3.1", "No Upgrade", good.Without("Upgrade"), BadRequest);
        yield return Refused("21.3.2", "Upgrade to something else", good.With("Upgrade", "h2c"), BadRequest);
        yield return Refused("21.3.3", "No Connection", good.Without("Connection"), BadRequest);
        yield return Refused("21.3.4", "Connection without Upgrade", good.With("Connection", "keep-alive"), BadRequest);
        yield return Refused("21.4.1", "No key", good.Without(Key), [400]);
        yield return Refused("21.4.2", "Empty key", good.With(Key, ""), [400]);
        yield return Refused("21.4.3", "Key of 15 bytes", good.With(Key, "AAAAAAAAAAAAAAAAAAAA"), [400]);
        yield return Refused("21.4.4", "Key of 17 bytes", good.With(Key, "AAAAAAAAAAAAAAAAAAAAAAA="), [400]);
        yield return Refused("21.4.5", "Key that is not base64", good.With(Key, "dGhlIHNhbXBsZSBub25j*Q=="), [400]);
        yield return Refused("21.4.6", "Key twice", good.Adding(Key, "{key}"), [400]);
        yield return Refused("21.5.1", "No version", good.Without(Version), BadRequest);
        yield return Refused("21.5.2", "Version 12", good.With(Version, "12"), BadRequest);
        yield return Refused("21.5.3", "Version 14", good.With(Version, "14"), BadRequest);
        yield return Refused("21.5.4", "Version 013", good.With(Version, "013"), BadRequest);
        yield return Refused("21.5.5", "Version that is no number", good.With(Version, "thirteen"), BadRequest);
        yield return Refused("21.6.1", "Extensions that do not keep the grammar", good.Adding(Extensions, "x-unknown; =, ;"), [400]);
        yield return Refused("21.6.2", "Name of a field with a space", good.Adding("X Unknown", "1"), [400]);
    }

    private static IEnumerable<ConformanceCase> GoodResponses()
    {
        HandshakeText good = HandshakeText.Response;

        yield return Opened("22.1.1", "Response with no more than it must hold", good);
        yield return Opened("22.1.2", "Response byte by byte", good with { IsByteByByte = true });
        yield return Opened("22.1.3", "Names of fields in small letters", good.Renaming(name => name.ToLowerInvariant()));
        yield return Opened("22.1.4", "Upgrade: WebSocket", good.With("Upgrade", "WebSocket"));
        yield return Opened("22.1.5", "Connection: keep-alive, upgrade", good.With("Connection", "keep-alive, upgrade"));
        yield return Opened("22.1.6", "Another reason", good with { FirstLine = "HTTP/1.1 101 Web Socket Protocol Handshake" });
        yield return Opened("22.1.7", "Fields that nobody knows", good.Adding("X-Unknown", "1").Adding("Server", ""));
    }

    private static IEnumerable<ConformanceCase> BadResponses()
    {
        HandshakeText good = HandshakeText.Response;
        const string Deflate = "permessage-deflate";

        yield return Failed("22.2.1", "Status 200", good.Adding("Content-Length", "0") with { FirstLine = "HTTP/1.1 200 OK" });
        yield return Failed("22.2.2", "HTTP/1.0", good with { FirstLine = "HTTP/1.0 101 Switching Protocols" });
        yield return Failed("22.3.1", "No Upgrade", good.Without("Upgrade"));
        yield return Failed("22.3.2", "Upgrade to something else", good.With("Upgrade", "h2c"));
        yield return Failed("22.3.3", "No Connection", good.Without("Connection"));
        yield return Failed("22.3.4", "Connection without Upgrade", good.With("Connection", "keep-alive"));
        yield return Failed("22.4.1", "No accept", good.Without(Accept));
        yield return Failed("22.4.2", "Empty accept", good.With(Accept, ""));
        yield return Failed("22.4.3", "Accept of another key", good.With(Accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        yield return Failed("22.4.4", "The key instead of the accept", good.With(Accept, "{key}"));
        yield return Failed("22.4.5", "Accept in capital letters", good.With(Accept, "{ACCEPT}"));
        yield return Failed("22.5.1", "Subprotocol that was not offered", good.Adding(Protocol, "x-unasked.example"));
        yield return Failed("22.5.2", "Extension that was not offered", good.Adding(Extensions, "x-unasked"));
        yield return Failed("22.5.3", "permessage-deflate twice", good.Adding(Extensions, $"{Deflate}, {Deflate}"));
        yield return Failed("22.5.4", "Extensions that do not keep the grammar", good.Adding(Extensions, "x-unasked; =, ;"));
    }

    private static ConformanceCase Accepted(string id, string title, HandshakeText request) =>
        Echo(id, title, "4.2.2") with { EndpointRole = Role.Server, Handshake = request };

    private static ConformanceCase Opened(string id, string title, HandshakeText response) =>
        Echo(id, title, "4.1") with { EndpointRole = Role.Client, Handshake = response };

    private static ConformanceCase Echo(string id, string title, string section) =>
        OwnCase.Answered(id, title, $"6455, section {section}", [new SendFrame(Opcode.Text, Hello)], PeerEvent.Text(Hello));

    private static ConformanceCase Refused(string id, string title, HandshakeText request, IReadOnlyList<int> statuses) =>
        OwnCase.Unopened(id, title, "6455, section 4.2.1", Role.Server, request) with { RefusalStatuses = statuses };

    /// <summary>The client must fail the connection: it sends nothing any more, and ends TCP.</summary>
    private static ConformanceCase Failed(string id, string title, HandshakeText response) =>
        OwnCase.Unopened(id, title, "6455, section 4.1", Role.Client, response);
}
