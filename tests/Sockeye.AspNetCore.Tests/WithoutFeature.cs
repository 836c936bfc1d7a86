using System.Collections;
using Microsoft.AspNetCore.Http.Features;

namespace Sockeye.AspNetCore.Tests;

/// <summary>The features of a server that lacks one.</summary>
internal sealed class WithoutFeature(IFeatureCollection features, Type hidden) : IFeatureCollection
{
    public bool IsReadOnly => features.IsReadOnly;

    public int Revision => features.Revision;

    public object? this[Type key]
    {
        get => key == hidden ? null : features[key];
        set => features[key] = value;
    }

    public TFeature? Get<TFeature>() => (TFeature?)this[typeof(TFeature)];

    public void Set<TFeature>(TFeature? instance) => this[typeof(TFeature)] = instance;

    public IEnumerator<KeyValuePair<Type, object>> GetEnumerator() =>
        features.Where(feature => feature.Key != hidden).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
