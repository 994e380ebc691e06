using System.Text.Json;

namespace ReleaseBot.GitLab;

/// <summary>
/// The fields of a hook's body that are needed, read in one pass: the rest, up to 25 MB of commits, is stepped over and never kept.
/// A field that is null counts as absent.
/// </summary>
internal sealed record HookFields
{
    private const int MaxDepth = 64;

    private static readonly string[] Names =
    [
        "object_kind", "event_name", "ref", "before", "after", "checkout_sha", "ref_protected", "user_username", "user_name", "project_id", "project",
    ];

    private static readonly string[] ProjectNames = ["id", "path_with_namespace", "web_url"];

    public string? ObjectKind { get; private set; }
    public string? EventName { get; private set; }
    public string? Ref { get; private set; }
    public string? Before { get; private set; }
    public string? After { get; private set; }
    public string? CheckoutSha { get; private set; }
    public bool? RefProtected { get; private set; }
    public string? UserName { get; private set; }
    public string? UserDisplayName { get; private set; }
    public long? ProjectId { get; private set; }
    public long? NestedProjectId { get; private set; }
    public string? ProjectPath { get; private set; }
    public string? ProjectUrl { get; private set; }

    /// <summary>What is wrong with a field's type. It matters for a push only: another event may use a name otherwise.</summary>
    public string? WrongType { get; private set; }

    /// <exception cref="JsonException">Not JSON, or too deep.</exception>
    /// <exception cref="InvalidOperationException">A string is not valid UTF-8.</exception>
    /// <exception cref="HookFormatException">Not an object.</exception>
    public static HookFields Read(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new HookFormatException("The body is not a JSON object.");
        }

        var fields = new HookFields();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            fields.ReadField(ref reader);
        }

        // Reads on to the end, so that anything behind the object is noticed.
        while (reader.Read())
        {
        }

        return fields;
    }

    private void ReadField(ref Utf8JsonReader reader)
    {
        switch (NameOf(ref reader, Names))
        {
            case "object_kind":
                ObjectKind = ReadText(ref reader, "object_kind");
                break;
            case "event_name":
                EventName = ReadText(ref reader, "event_name");
                break;
            case "ref":
                Ref = ReadText(ref reader, "ref");
                break;
            case "before":
                Before = ReadText(ref reader, "before");
                break;
            case "after":
                After = ReadText(ref reader, "after");
                break;
            case "checkout_sha":
                CheckoutSha = ReadText(ref reader, "checkout_sha");
                break;
            case "ref_protected":
                RefProtected = ReadBoolean(ref reader, "ref_protected");
                break;
            case "user_username":
                UserName = ReadText(ref reader, "user_username");
                break;
            case "user_name":
                UserDisplayName = ReadText(ref reader, "user_name");
                break;
            case "project_id":
                ProjectId = ReadNumber(ref reader, "project_id");
                break;
            case "project":
                ReadProject(ref reader);
                break;
            default:
                reader.Skip();
                break;
        }
    }

    private void ReadProject(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            SkipWrong<object>(ref reader, "project", "an object");
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            switch (NameOf(ref reader, ProjectNames))
            {
                case "id":
                    NestedProjectId = ReadNumber(ref reader, "project.id");
                    break;
                case "path_with_namespace":
                    ProjectPath = ReadText(ref reader, "project.path_with_namespace");
                    break;
                case "web_url":
                    ProjectUrl = ReadText(ref reader, "project.web_url");
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
    }

    /// <summary>The one of these names that the reader is at, or null: the many fields that nobody asks for cost no string.</summary>
    private static string? NameOf(ref Utf8JsonReader reader, string[] names)
    {
        foreach (var name in names)
        {
            if (reader.ValueTextEquals(name))
            {
                return name;
            }
        }

        return null;
    }

    private string? ReadText(ref Utf8JsonReader reader, string field)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString(),
            JsonTokenType.Null => null,
            _ => SkipWrong<string>(ref reader, field, "a string"),
        };
    }

    private bool? ReadBoolean(ref Utf8JsonReader reader, string field)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.True => true,
            JsonTokenType.False => false,
            JsonTokenType.Null => null,
            _ => SkipWrong<bool?>(ref reader, field, "true or false"),
        };
    }

    private long? ReadNumber(ref Utf8JsonReader reader, string field)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.Null => null,
            JsonTokenType.Number when reader.TryGetInt64(out var number) => number,
            _ => SkipWrong<long?>(ref reader, field, "a whole number"),
        };
    }

    private T? SkipWrong<T>(ref Utf8JsonReader reader, string field, string expected)
    {
        WrongType ??= $"{field} must be {expected}.";
        reader.Skip();
        return default;
    }
}
