namespace ReleaseBot.Hosting;

/// <summary>Why the process can't start, and what to do about it, in words for the operator.</summary>
internal sealed class StartException(string message, Exception? inner = null) : Exception(message, inner);
