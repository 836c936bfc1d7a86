using System.Net.Sockets;

namespace Sockeye.Transports.Linux;

/// <summary>Says in the framework's words what a system call reported.</summary>
internal static class SocketFault
{
    public static IOException Of(int error)
    {
        SocketException exception = ExceptionOf(error);
        return new IOException(exception.Message, exception);
    }

    public static SocketException ExceptionOf(int error) => new((int)Translate(error));

    public static IOException Closed() =>
        new("The connection was closed.", new SocketException((int)SocketError.OperationAborted));

    private static SocketError Translate(int error) => error switch
    {
        1 or 13 => SocketError.AccessDenied,
        12 => SocketError.NoBufferSpaceAvailable,
        22 => SocketError.InvalidArgument,
        23 or Libc.TooManyFiles => SocketError.TooManyOpenSockets,
        32 => SocketError.Shutdown,
        93 => SocketError.ProtocolNotSupported,
        97 => SocketError.AddressFamilyNotSupported,
        98 => SocketError.AddressAlreadyInUse,
        99 => SocketError.AddressNotAvailable,
        100 => SocketError.NetworkDown,
        101 => SocketError.NetworkUnreachable,
        Libc.ConnectionAborted => SocketError.ConnectionAborted,
        104 => SocketError.ConnectionReset,
        105 => SocketError.NoBufferSpaceAvailable,
        107 => SocketError.NotConnected,
        110 => SocketError.TimedOut,
        111 => SocketError.ConnectionRefused,
        112 => SocketError.HostDown,
        113 => SocketError.HostUnreachable,
        _ => SocketError.SocketError,
    };
}
