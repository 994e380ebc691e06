namespace ReleaseBot.Unit.Engine;

/// <summary>Hands out its content in parts of 1 to 700 bytes.</summary>
internal sealed class TricklingStream(byte[] content) : MemoryStream(content)
{
    private readonly Random _random = new(content.Length);

    public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, _random.Next(1, 700)));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        base.ReadAsync(buffer[..Math.Min(buffer.Length, _random.Next(1, 700))], cancellationToken);
}

/// <summary>Fails when read.</summary>
internal sealed class FaultyStream(Exception fault) : MemoryStream
{
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw fault;
}
