using System.Net;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.Registries;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Registries;

public sealed class FaultTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly Failures _failures = new(
        new RegistrySettings { Name = "hub", Host = "docker.io", Username = "bob", Password = new Secret("s3cret-word") }, new FakeTimeProvider(Now));

    [Theory]
    [InlineData(401, null, RegistryFault.Denied)]
    [InlineData(403, "DENIED", RegistryFault.Denied)]
    [InlineData(400, "MANIFEST_INVALID", RegistryFault.Refused)]
    [InlineData(400, "TAG_INVALID", RegistryFault.Refused)]
    [InlineData(409, null, RegistryFault.Refused)]
    [InlineData(413, null, RegistryFault.Refused)]
    [InlineData(301, null, RegistryFault.Refused)]
    [InlineData(408, null, RegistryFault.Unavailable)]
    [InlineData(429, null, RegistryFault.Unavailable)]
    [InlineData(403, "TOOMANYREQUESTS", RegistryFault.Unavailable)]
    [InlineData(500, "UNKNOWN", RegistryFault.Unavailable)]
    [InlineData(503, null, RegistryFault.Unavailable)]
    public void A_Status_Says_Whether_Trying_Again_Can_Help(int status, string? code, RegistryFault fault)
    {
        Transient.Sort((HttpStatusCode)status, code).ShouldBe(fault);
        new RegistryException(fault, "").IsTransient.ShouldBe(fault == RegistryFault.Unavailable);
    }

    [Theory]
    [InlineData("7", 7)]
    [InlineData("0", 0)]
    [InlineData("Sun, 01 Mar 2026 12:00:30 GMT", 30)]
    [InlineData("Sun, 01 Mar 2026 11:00:00 GMT", 0)]
    [InlineData("999999999", 86400)]
    [InlineData("soon", null)]
    [InlineData(null, null)]
    public void Retry_After_Is_Read_In_Both_Forms(string? value, int? seconds)
    {
        using var response = new HttpResponseMessage(HttpStatusCode.TooManyRequests);
        if (value is not null)
        {
            response.Headers.TryAddWithoutValidation("Retry-After", value);
        }

        RetryAfter.Read(response, Now).ShouldBe(seconds is { } count ? TimeSpan.FromSeconds(count) : null);
    }

    [Theory]
    [InlineData("""{"errors":[{"code":"DENIED","message":"access denied"},{"code":"X"}]}""", "DENIED", "access denied")]
    [InlineData("""{"errors":[{"code":"UNKNOWN","message":null}]}""", "UNKNOWN", null)]
    [InlineData("""{"details":"incorrect username or password"}""", null, "incorrect username or password")]
    [InlineData("""{"error":"invalid_scope","error_description":"no"}""", null, "no")]
    [InlineData("""{"errors":["odd"]}""", null, null)]
    [InlineData("""{"message":"two\nlines"}""", null, "two lines")]
    [InlineData("<html>502 Bad Gateway</html>", null, null)]
    [InlineData("[]", null, null)]
    [InlineData("", null, null)]
    public void What_A_Registry_Says_Is_Read(string body, string? code, string? message) =>
        ErrorBody.Parse(Encoding.UTF8.GetBytes(body)).ShouldBe(new ErrorBody(code, message));

    [Fact]
    public void A_Denial_Tells_What_Was_Tried_And_The_Cure()
    {
        using var response = new HttpResponseMessage(HttpStatusCode.Forbidden);

        var fault = _failures.Answered(Request, response, new ErrorBody("DENIED", "requested access to the resource is denied"), elsewhere: false);

        fault.Fault.ShouldBe(RegistryFault.Denied);
        fault.StatusCode.ShouldBe(403);
        fault.ErrorCode.ShouldBe("DENIED");
        fault.Message.ShouldStartWith("docker.io/acme/app: could not put the manifest 1.0: 403 DENIED: requested access to the resource is denied.");
        fault.Message.ShouldContain("Registries:hub:Password");
    }

    [Fact]
    public void A_Message_That_Quotes_The_Password_Is_Masked()
    {
        var basic = Convert.ToBase64String("bob:s3cret-word"u8);
        using var response = new HttpResponseMessage(HttpStatusCode.BadRequest);

        var fault = _failures.Answered(Request, response, new ErrorBody("BAD", $"what is s3cret-word or {basic}?"), elsewhere: false);

        fault.Message.ShouldContain("what is *** or ***?");
    }

    [Fact]
    public void A_Storage_Host_That_Refuses_Does_Not_Deny_The_User()
    {
        using var response = new HttpResponseMessage(HttpStatusCode.Forbidden) { RequestMessage = new HttpRequestMessage(HttpMethod.Get, "https://cdn.example/x?Signature=abc") };

        var fault = _failures.Answered(Request, response, ErrorBody.None, elsewhere: true);

        fault.Fault.ShouldBe(RegistryFault.Unavailable);
        fault.Message.ShouldContain("cdn.example");
        fault.Message.ShouldNotContain("Signature");
    }

    private static RegistryRequest Request => new()
    {
        Method = HttpMethod.Put,
        Address = "v2/acme/app/manifests/1.0",
        Repository = "acme/app",
        What = "put the manifest 1.0",
        Scope = Scopes.Of("acme/app"),
    };
}
