using System.IO.Compression;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Compresses messages with the framework's codec, each referring to those before it.</summary>
internal sealed class SampleDeflater : IDisposable
{
    private readonly MemoryStream _output = new();
    private readonly DeflateStream _deflate;

    public SampleDeflater() => _deflate = new DeflateStream(_output, CompressionLevel.Optimal);

    /// <summary>Compresses a message with a codec of its own.</summary>
    public static byte[] Deflate(ReadOnlySpan<byte> message)
    {
        using var deflater = new SampleDeflater();
        return deflater.Next(message);
    }

    /// <summary>Compresses the next message.</summary>
    public byte[] Next(ReadOnlySpan<byte> message)
    {
        if (message.IsEmpty)
            return [0x00];
        _output.SetLength(0);
        _deflate.Write(message);
        _deflate.Flush();
        return _output.GetBuffer().AsSpan(0, (int)_output.Length - 4).ToArray();
    }

    public void Dispose() => _deflate.Dispose();
}
