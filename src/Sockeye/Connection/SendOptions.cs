namespace Sockeye;

/// <summary>Says how one message is sent, where the defaults do not fit it. It matters where permessage-deflate was agreed on alone.</summary>
[Flags]
public enum SendOptions
{
    /// <summary>As the options of the connection say.</summary>
    None = 0,

    /// <summary>Compresses the message also where it is smaller than <see cref="PerMessageDeflateOptions.Threshold"/>.</summary>
    Compress = 1,

    /// <summary>Sends the message as it is: what is compressed already, as images are, gains nothing.</summary>
    DoNotCompress = 2,

    /// <summary>The message holds a secret: it is never compressed, whatever else is said, so that its length tells nothing about what it
    /// has in common with others (RFC 7692, section 8).</summary>
    Sensitive = 4,
}
