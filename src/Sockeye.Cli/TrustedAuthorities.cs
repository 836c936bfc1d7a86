using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Sockeye.Cli;

/// <summary>TLS options of clients that do not trust whom the system trusts.</summary>
internal static class TrustedAuthorities
{
    /// <summary>Makes the options of a client that trusts anybody, or the authorities of one file and no others.</summary>
    /// <returns>Null where neither is asked for.</returns>
    public static SslClientAuthenticationOptions? Options(FileInfo? authorities, bool isInsecure) => (authorities, isInsecure) switch
    {
        (_, true) => new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true },
        ({ } file, _) => Load(file.FullName),
        _ => null,
    };

    /// <summary>Makes the options of a client that trusts the authorities of one file, and no others.</summary>
    public static SslClientAuthenticationOptions Load(string path)
    {
        var trusted = new X509Certificate2Collection();
        trusted.ImportFromPemFile(path);
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.AddRange(trusted);
        return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
    }
}
