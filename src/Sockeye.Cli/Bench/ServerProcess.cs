using System.Globalization;

namespace Sockeye.Cli.Bench;

/// <summary>The process of the server: what it has consumed, and what it holds.</summary>
internal sealed class ServerProcess
{
    private const int ProcessCpuClock = 2;

    private readonly long _residentAtFirst;

    private ServerProcess(int pid, long resident)
    {
        Pid = pid;
        _residentAtFirst = resident;
    }

    public int Pid { get; }

    /// <summary>Gets the processor time that all its threads have consumed, ended ones included; null where it has ended.</summary>
    /// <remarks>The clock of another process (clock_getcpuclockid) counts nanoseconds, where /proc/PID/stat counts hundredths of a
    /// second.</remarks>
    public TimeSpan? CpuTime => Libc.ReadClock((~Pid << 3) | ProcessCpuClock);

    /// <summary>Finds a process, and looks at its memory before anything is opened.</summary>
    /// <exception cref="IOException">There is no such process.</exception>
    public static ServerProcess? Find(int? pid)
    {
        if (pid is not { } one)
            return null;
        long? resident = ReadResident(one);
        return new ServerProcess(one, resident ?? throw new IOException($"There is no process {one}: give --pid the process of the server."));
    }

    /// <summary>Tells how much memory it holds, and how much of it since it was found, for each connection.</summary>
    public ServerMemory? Describe(int connections) => ReadResident(Pid) is { } resident
        ? new ServerMemory(Pid, resident, Math.Max(0, resident - _residentAtFirst) / (double)connections)
        : null;

    private static long? ReadResident(int pid)
    {
        const string Name = "VmRSS:";
        try
        {
            string? line = File.ReadLines($"/proc/{pid}/status").FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal));
            return line is null ? null : long.Parse(line[Name.Length..line.LastIndexOf(' ')], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>What a server held at the end.</summary>
internal readonly record struct ServerMemory(int Pid, long ResidentKiB, double ResidentKiBPerConnection);
