using Sockeye.Protocol;

namespace Chat;

/// <summary>A room: who is there, and the last things that were said. Everybody sees all in the same order.</summary>
internal sealed class Room(string name)
{
    private readonly Lock _sync = new();
    private readonly Members _members = new();
    private readonly Queue<ToPage> _said = new();

    public string Name => name;

    /// <summary>Lets somebody in, and tells what was said since. Who is there already changes to the new connection.</summary>
    public void Join(Member member, long since)
    {
        lock (_sync)
        {
            Member? before = _members.Add(member);
            _ = before?.Socket.CloseAsync((CloseCode)4000, "Opened elsewhere");
            member.Send(new ToPage("welcome") { People = _members.Names, Missed = [.. _said.Where(one => one.Time > since)] });
            if (before?.Name != member.Name)
                _members.Tell(member, hasCome: true, before?.Name);
        }
    }

    /// <summary>Lets somebody out.</summary>
    /// <returns>Whether nobody is left.</returns>
    public bool Leave(Member member)
    {
        lock (_sync)
        {
            if (_members.Remove(member))
                _members.Tell(member, hasCome: false);
            return _members.IsEmpty;
        }
    }

    /// <summary>Tells everybody what somebody says: once, also where the page sends it again after its connection broke.</summary>
    public void Say(Member member, string text, string? key)
    {
        lock (_sync)
        {
            if (key is not null && _said.Any(one => one.Key == key))
                return;
            long time = Math.Max(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), (_said.LastOrDefault()?.Time ?? 0) + 1);
            _said.Enqueue(new("said") { Name = member.Name, Text = text, Key = key, Time = time });
            _members.Send(_said.Last());
            if (_said.Count > 200)
                _said.Dequeue();
        }
    }

    public void Type(Member member)
    {
        lock (_sync)
            _members.Send(new("typing") { Name = member.Name }, except: member);
    }
}
