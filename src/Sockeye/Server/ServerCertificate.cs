using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Sockeye;

/// <summary>Makes the TLS options of a server from a certificate in files.</summary>
/// <remarks>Intermediate certificates in the same file are sent along. The protocol versions are those of the operating system.</remarks>
public static class ServerCertificate
{
    /// <summary>Loads a certificate with its key, PEM or PFX, whichever the file holds.</summary>
    /// <param name="path">The file.</param>
    /// <param name="password">The password of the key; null for none.</param>
    /// <returns>Options for <see cref="WebSocketServerOptions.Tls"/>.</returns>
    /// <exception cref="ArgumentException">The file holds no private key.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="System.Security.Cryptography.CryptographicException">The file holds no certificate, or the password is
    /// wrong.</exception>
    public static SslServerAuthenticationOptions FromFile(string path, string? password = null) =>
        File.ReadAllBytes(path).AsSpan().IndexOf("-----BEGIN "u8) >= 0
            ? FromPemFile(path, password: password)
            : FromPfxFile(path, password);

    /// <summary>Loads a certificate and its key from PEM files.</summary>
    /// <param name="certificatePath">The file of the certificate, the server's own first.</param>
    /// <param name="keyPath">The file of the key; null where it stands in the same file.</param>
    /// <param name="password">The password of the key; null for none.</param>
    /// <returns>Options for <see cref="WebSocketServerOptions.Tls"/>.</returns>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="System.Security.Cryptography.CryptographicException">A file does not hold what it should, or the password
    /// is wrong.</exception>
    public static SslServerAuthenticationOptions FromPemFile(string certificatePath, string? keyPath = null, string? password = null)
    {
        X509Certificate2 certificate = password is null
            ? X509Certificate2.CreateFromPemFile(certificatePath, keyPath)
            : X509Certificate2.CreateFromEncryptedPemFile(certificatePath, password, keyPath);
        if (OperatingSystem.IsWindows())
        {
            // TLS on Windows takes no key that is in memory alone
            using X509Certificate2 inMemory = certificate;
            certificate = X509CertificateLoader.LoadPkcs12(inMemory.Export(X509ContentType.Pkcs12), null);
        }

        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(certificatePath);
        return Make(certificate, chain);
    }

    /// <summary>Loads a certificate and its key from a PFX (PKCS #12) file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="password">The password; null for none.</param>
    /// <returns>Options for <see cref="WebSocketServerOptions.Tls"/>.</returns>
    /// <exception cref="ArgumentException">The file holds no private key.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="System.Security.Cryptography.CryptographicException">The file is no PFX, or the password is wrong.</exception>
    public static SslServerAuthenticationOptions FromPfxFile(string path, string? password = null)
    {
        X509Certificate2Collection chain = X509CertificateLoader.LoadPkcs12CollectionFromFile(path, password);
        X509Certificate2? certificate = chain.FirstOrDefault(candidate => candidate.HasPrivateKey);
        if (certificate is null)
            throw new ArgumentException($"'{path}' holds no private key: export the certificate together with its key.", nameof(path));
        return Make(certificate, chain);
    }

    private static SslServerAuthenticationOptions Make(X509Certificate2 certificate, X509Certificate2Collection chain)
    {
        var others = new X509Certificate2Collection();
        foreach (X509Certificate2 candidate in chain)
        {
            if (candidate.Thumbprint != certificate.Thumbprint)
                others.Add(candidate);
        }

        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, others, offline: true),
            ApplicationProtocols = [SslApplicationProtocol.Http11],
        };
    }
}
