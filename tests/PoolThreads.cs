using System.Runtime.CompilerServices;

namespace Sockeye.Tests;

/// <summary>Gives the pool threads to spare: some tests hold a few of them, and a busy machine takes many seconds to add one.</summary>
internal static class PoolThreads
{
    private const int Least = 32;

#pragma warning disable CA2255 // it is a program, and the number is that of the process
    [ModuleInitializer]
    internal static void Provide()
    {
        ThreadPool.GetMinThreads(out _, out int leastForIo);
        ThreadPool.SetMinThreads(Least, leastForIo);
    }
#pragma warning restore CA2255
}
