using System.Text.Json;

namespace Chat;

/// <summary>Who is in a room; its lock guards them.</summary>
internal sealed class Members
{
    private readonly Dictionary<string, Member> _byId = [];

    public bool IsEmpty => _byId.Count == 0;

    public string[] Names => [.. _byId.Values.Select(member => member.Name).Order(StringComparer.CurrentCultureIgnoreCase)];

    /// <summary>Adds a member.</summary>
    /// <returns>The one with the same id that it takes the place of.</returns>
    public Member? Add(Member member)
    {
        _byId.Remove(member.Id, out Member? before);
        _byId.Add(member.Id, member);
        return before;
    }

    /// <summary>Removes a member, unless a new connection has taken its place.</summary>
    public bool Remove(Member member) => _byId.GetValueOrDefault(member.Id) == member && _byId.Remove(member.Id);

    /// <summary>Tells the others who has come, perhaps from under another name, or has gone.</summary>
    public void Tell(Member member, bool hasCome, string? was = null) =>
        Send(new("people") { Name = member.Name, Was = was, HasCome = hasCome, People = Names }, except: member);

    public void Send(ToPage what, Member? except = null)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(what, Json.Default.ToPage);
        foreach (Member member in _byId.Values)
        {
            if (member != except)
                member.Send(json);
        }
    }
}
