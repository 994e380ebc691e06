namespace ReleaseBot.Engine;

/// <summary>Something the engine could not or would not do. The message is for people and holds no secret.</summary>
public class EngineException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The engine cannot be reached, or went away in the middle of a call. Another try may succeed.</summary>
public sealed class EngineUnavailableException(string message, Exception? inner = null) : EngineException(message, inner);

/// <summary>The engine's disk has no room left for what it was to do. Another try may succeed once something was deleted there.</summary>
public sealed class EngineFullException(string message) : EngineException(message);

/// <summary>The engine answered with an error status; the message is the engine's own.</summary>
public sealed class EngineRefusedException(int statusCode, string message, Exception? inner = null) : EngineException(message, inner)
{
    /// <summary>The HTTP status, 400 or above.</summary>
    public int StatusCode { get; } = statusCode;
}

/// <summary>The Dockerfile did not build. The message is the builder's own, with a hint where the cure is known.</summary>
public sealed class BuildFailedException(string message, bool isTransient = false) : EngineException(message)
{
    /// <summary>True where the cause is the network or the registry of a base image, so that the same build may succeed later. False for everything the user has to mend.</summary>
    public bool IsTransient { get; } = isTransient;

    /// <summary>The host of a base image that DNS does not know; null for every other cause. Mostly a typo, so not worth a long wait.</summary>
    public string? UnknownHost { get; init; }
}

/// <summary>What kind of trouble a push ran into.</summary>
public enum PushFault
{
    /// <summary>The registry wants other credentials, or these may not push there. Permanent.</summary>
    Denied,

    /// <summary>
    /// The registry wanted credentials and got none that it knows: they are wrong, or the engine never learnt how to log in. The registry has to be asked
    /// which it is.
    /// </summary>
    NotLoggedIn,

    /// <summary>The registry does not take this image under this name, e.g. an immutable tag. Permanent.</summary>
    Refused,

    /// <summary>The registry cannot be reached or is overloaded. Another try may succeed.</summary>
    Unavailable,

    /// <summary>The engine no longer holds the image: it has to be built again.</summary>
    ImageMissing,
}

/// <summary>A push that did not succeed. The message is the registry's own, without credentials.</summary>
public sealed class EnginePushException(PushFault fault, string message) : EngineException(message)
{
    public PushFault Fault { get; } = fault;
}
