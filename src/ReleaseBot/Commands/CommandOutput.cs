using System.Text;

namespace ReleaseBot.Commands;

/// <summary>The output can't be written: its disk is full, or it is closed. No <see cref="IOException"/>, since those of the network are tried again.</summary>
internal sealed class OutputLostException(Exception cause) : Exception(cause.GetBaseException().Message, cause);

/// <summary>Passes on what is written, and tells by <see cref="OutputLostException"/> that it can't be.</summary>
internal sealed class CommandOutput(TextWriter output) : TextWriter
{
    public override Encoding Encoding => output.Encoding;

    public override void Write(char value) => Guard(() => output.Write(value));

    public override void Write(char[] buffer, int index, int count) => Guard(() => output.Write(buffer, index, count));

    public override void Write(string? value) => Guard(() => output.Write(value));

    public override void WriteLine(string? value) => Guard(() => output.WriteLine(value));

    public override Task WriteLineAsync(ReadOnlyMemory<char> buffer, CancellationToken cancellationToken = default) =>
        GuardAsync(() => output.WriteLineAsync(buffer, cancellationToken));

    public override void Flush() => Guard(output.Flush);

    public override Task FlushAsync(CancellationToken cancellationToken) => GuardAsync(() => output.FlushAsync(cancellationToken));

    /// <summary>A descriptor that is closed is told as denied.</summary>
    private static bool IsLoss(Exception exception) => exception is IOException or UnauthorizedAccessException;

    private static void Guard(Action write)
    {
        try
        {
            write();
        }
        catch (Exception exception) when (IsLoss(exception))
        {
            throw new OutputLostException(exception);
        }
    }

    private static async Task GuardAsync(Func<Task> write)
    {
        try
        {
            await write();
        }
        catch (Exception exception) when (IsLoss(exception))
        {
            throw new OutputLostException(exception);
        }
    }
}
