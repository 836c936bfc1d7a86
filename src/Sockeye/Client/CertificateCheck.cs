using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Judges the certificate of one server as the framework or the user does, and keeps in words why it was refused.</summary>
/// <param name="host">Whom the certificate must name.</param>
/// <param name="decide">The user's callback, which decides in the place of the framework; null for none.</param>
internal sealed class CertificateCheck(string host, RemoteCertificateValidationCallback? decide)
{
    /// <summary>Gets whether there was anything to judge.</summary>
    public bool HasRun { get; private set; }

    /// <summary>Gets what the framework found.</summary>
    public SslPolicyErrors Errors { get; private set; }

    /// <summary>Gets why the certificate was refused; null where it was not.</summary>
    public string? Reason { get; private set; }

    public bool Judge(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        HasRun = true;
        if (decide?.Invoke(sender, certificate, chain, errors) ?? errors == SslPolicyErrors.None)
            return true;

        Errors = errors;
        List<string> reasons = [];
        if (decide is not null)
            reasons.Add("RemoteCertificateValidationCallback refused the certificate");
        if (certificate is not X509Certificate2 served)
            reasons.Add("the server sent no certificate");
        else
            AddReasons(reasons, served, chain, errors);
        Reason = string.Join(", and ", reasons);
        return false;
    }

    private void AddReasons(List<string> reasons, X509Certificate2 certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            reasons.Add($"the certificate is for {NamesOf(certificate)}, not for {host} (TargetHost sets the name to expect)");
        if (!errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
            return;

        var statuses = X509ChainStatusFlags.NoError;
        foreach (X509ChainStatus status in chain?.ChainStatus ?? [])
        {
            string reason = ReasonOf(status, certificate);
            if ((statuses & status.Status) == 0 && !reasons.Contains(reason))
                reasons.Add(reason);
            statuses |= status.Status;
        }

        if (statuses == X509ChainStatusFlags.NoError)
            reasons.Add("the chain of the certificate could not be built");
    }

    private static string ReasonOf(X509ChainStatus status, X509Certificate2 certificate) => status.Status switch
    {
        X509ChainStatusFlags.NotTimeValid when certificate.NotAfter < DateTime.Now => $"the certificate expired on {DayOf(certificate.NotAfter)}",
        X509ChainStatusFlags.NotTimeValid when certificate.NotBefore > DateTime.Now =>
            $"the certificate is valid from {DayOf(certificate.NotBefore)} on only; is the clock of this machine right?",
        X509ChainStatusFlags.NotTimeValid => "a certificate of its chain is out of date",
        X509ChainStatusFlags.UntrustedRoot or X509ChainStatusFlags.PartialChain =>
            $"nobody who is trusted here issued the certificate (it names as its issuer: {PeerText.Escape(certificate.Issuer)}); "
                + "CertificateChainPolicy sets whom to trust"
                + (status.Status == X509ChainStatusFlags.PartialChain ? "; or the server does not send the intermediate certificates with its own" : ""),
        X509ChainStatusFlags.Revoked => "the certificate was revoked",
        X509ChainStatusFlags.RevocationStatusUnknown or X509ChainStatusFlags.OfflineRevocation =>
            "whether the certificate was revoked could not be found out",
        _ => $"the chain of the certificate is at fault: {status.Status}",
    };

    private static string DayOf(DateTime time) => $"{time.ToUniversalTime():yyyy-MM-dd}";

    private static string NamesOf(X509Certificate2 certificate)
    {
        List<string> names = [];
        foreach (X509SubjectAlternativeNameExtension extension in certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>())
        {
            names.AddRange(extension.EnumerateDnsNames());
            names.AddRange(extension.EnumerateIPAddresses().Select(static (IPAddress address) => address.ToString()));
        }

        return PeerText.Escape(names.Count > 0 ? string.Join(", ", names) : certificate.Subject);
    }
}
