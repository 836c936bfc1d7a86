using System.Buffers;
using System.Collections;
using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Sockeye;

/// <summary>A connection in little memory: what every connection has of features it is itself, and what a server adds is few.</summary>
/// <remarks>Features are for one thread at a time, as those of any connection.</remarks>
internal abstract class LeanConnectionContext(MemoryPool<byte> pool)
    : ConnectionContext, IFeatureCollection, IConnectionIdFeature, IConnectionItemsFeature, IConnectionTransportFeature,
      IConnectionLifetimeFeature, IConnectionEndPointFeature, IMemoryPoolFeature
{
    // Kestrel adds four or five to a connection, and TLS four more.
    private const int Added = 4;

    private static readonly Type[] Own =
    [
        typeof(IConnectionIdFeature), typeof(IConnectionItemsFeature), typeof(IConnectionTransportFeature),
        typeof(IConnectionLifetimeFeature), typeof(IConnectionEndPointFeature), typeof(IMemoryPoolFeature),
    ];

    private static long _lastId = DateTime.UtcNow.Ticks;

    // What was set, an own one that was replaced or removed included; free places have no key.
    private KeyValuePair<Type?, object?>[] _added = new KeyValuePair<Type?, object?>[Added];
    private int _revision;

    public override string ConnectionId { get; set; } = Interlocked.Increment(ref _lastId).ToString("X", CultureInfo.InvariantCulture);

    public override IFeatureCollection Features => this;

    public override IDictionary<object, object?> Items
    {
        get => field ??= new ConnectionItems();
        set;
    }

    public override required IDuplexPipe Transport { get; set; }

    public MemoryPool<byte> MemoryPool => pool;

    bool IFeatureCollection.IsReadOnly => false;

    int IFeatureCollection.Revision => _revision;

    object? IFeatureCollection.this[Type key]
    {
        get => Find(key);
        set => Put(key, value);
    }

    TFeature? IFeatureCollection.Get<TFeature>()
        where TFeature : default => (TFeature?)Find(typeof(TFeature));

    void IFeatureCollection.Set<TFeature>(TFeature? instance)
        where TFeature : default => Put(typeof(TFeature), instance);

    IEnumerator<KeyValuePair<Type, object>> IEnumerable<KeyValuePair<Type, object>>.GetEnumerator()
    {
        foreach (Type type in Own.Union(_added.Select(one => one.Key).OfType<Type>()))
        {
            if (Find(type) is { } feature)
                yield return new KeyValuePair<Type, object>(type, feature);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => ((IEnumerable<KeyValuePair<Type, object>>)this).GetEnumerator();

    private object? Find(Type type)
    {
        // A server asks for many that nobody has: types are compared by reference.
        foreach (KeyValuePair<Type?, object?> one in _added)
        {
            if (ReferenceEquals(one.Key, type))
                return one.Value;
        }

        foreach (Type own in Own)
        {
            if (ReferenceEquals(own, type))
                return this;
        }

        return null;
    }

    private void Put(Type type, object? feature)
    {
        _revision++;
        int place = 0;
        while (place < _added.Length && _added[place].Key is { } taken && taken != type)
            place++;
        if (place == _added.Length)
            Array.Resize(ref _added, place + Added);
        _added[place] = new KeyValuePair<Type?, object?>(type, feature);
    }
}
