namespace Chat;

/// <summary>The rooms in which somebody is: the first one opens a room, and the last one closes it.</summary>
internal sealed class Rooms
{
    private readonly Dictionary<string, Room> _rooms = [];

    public Room Enter(string name, Member member, long since)
    {
        lock (_rooms)
        {
            if (!_rooms.TryGetValue(name, out Room? room))
                _rooms.Add(name, room = new Room(name));
            room.Join(member, since);
            return room;
        }
    }

    public void Leave(Room room, Member member)
    {
        lock (_rooms)
        {
            if (room.Leave(member))
                _rooms.Remove(room.Name);
        }
    }
}
