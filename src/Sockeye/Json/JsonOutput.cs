using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Writes a value as JSON into an array that is handed to the output as it is.</summary>
/// <remarks>One after the other uses it. The array grows with what is written; the writer is kept, as long as the same options ask
/// for it. A converter is code of the application and may send too, so that none of this happens in the output itself, where other messages
/// would come between.</remarks>
internal sealed class JsonOutput : IBufferWriter<byte>, ISpare<JsonOutput>
{
    private const int FirstSize = 1024;

    // That of the serializer; a writer has one of its own.
    private const int DefaultDepth = 64;

    private ArrayPool<byte> _pool = null!;
    private byte[]? _array;
    private int _length;
    private Utf8JsonWriter? _writer;
    private JsonSerializerOptions? _options;

    public JsonOutput? Next { get; set; }

    /// <summary>Gets what has been written.</summary>
    public ReadOnlyMemory<byte> Written => _array.AsMemory(0, _length);

    public static JsonOutput Rent(ArrayPool<byte> pool)
    {
        JsonOutput output = Spares<JsonOutput>.Take() ?? new JsonOutput();
        output._pool = pool;
        return output;
    }

    /// <summary>Writes a value: at least one byte.</summary>
    public void Write<T>(T value, JsonTypeInfo<T> typeInfo) => JsonSerializer.Serialize(WriterFor(typeInfo.Options), value, typeInfo);

    /// <summary>Gives up the array to whoever sends what has been written.</summary>
    /// <returns>What that one releases.</returns>
    public SharedMemory HandOver()
    {
        var hold = PooledArray.Wrap(_array!, _pool);
        _array = null;
        return hold;
    }

    /// <summary>Puts it back, with the array where that was not handed over.</summary>
    public void Return()
    {
        if (_array is not null)
            _pool.Return(_array);
        _array = null;
        _length = 0;
        _writer?.Reset();
        Spares<JsonOutput>.Give(this);
    }

    void IBufferWriter<byte>.Advance(int count) => _length += count;

    Memory<byte> IBufferWriter<byte>.GetMemory(int sizeHint) => Room(sizeHint);

    Span<byte> IBufferWriter<byte>.GetSpan(int sizeHint) => Room(sizeHint).Span;

    /// <summary>Gets a writer that writes as the options say; the serializer leaves that to the writer.</summary>
    private Utf8JsonWriter WriterFor(JsonSerializerOptions options)
    {
        if (_writer is not null && _options == options)
            return _writer;
        _options = options;
        return _writer = new Utf8JsonWriter(this, new JsonWriterOptions
        {
            Encoder = options.Encoder,
            Indented = options.WriteIndented,
            IndentCharacter = options.IndentCharacter,
            IndentSize = options.IndentSize,
            NewLine = options.NewLine,
            MaxDepth = options.MaxDepth == 0 ? DefaultDepth : options.MaxDepth,
        });
    }

    private Memory<byte> Room(int sizeHint)
    {
        if (_array is null || _array.Length - _length < Math.Max(sizeHint, 1))
            Grow(Math.Max(sizeHint, FirstSize));
        return _array.AsMemory(_length);
    }

    private void Grow(int room)
    {
        byte[] larger = _pool.Rent((int)Math.Min(Math.Max((long)_length + room, 2L * _length), Array.MaxLength));
        if (_array is not null)
        {
            _array.AsSpan(0, _length).CopyTo(larger);
            _pool.Return(_array);
        }

        _array = larger;
    }
}
