using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using ReleaseBot.Core;
using Scalar.AspNetCore;

namespace ReleaseBot.Web;

/// <summary>The API's description as OpenAPI, and a page to read and try it.</summary>
internal static class ApiDescription
{
    private const string BearerScheme = "bearer";

    public static IServiceCollection AddApiDescription(this IServiceCollection services) =>
        services.AddOpenApi("v1", options =>
        {
            options.ShouldInclude = description => description.RelativePath is { } path && !path.StartsWith("docs", StringComparison.Ordinal);
            options.AddDocumentTransformer((document, _, _) =>
            {
                document.Info = new OpenApiInfo
                {
                    Title = "ReleaseBot",
                    Version = "v1",
                    Description = "Turns protected GitLab tags into container images on several registries. Errors are RFC 9457 problems with a stable type.",
                };
                // Wherever it is served from.
                document.Servers = [];
                document.Components ??= new OpenApiComponents();
                document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
                document.Components.SecuritySchemes[BearerScheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    Description = "A token of Access:Tokens.",
                };
                return Task.CompletedTask;
            });
            options.AddOperationTransformer((operation, context, _) =>
            {
                if (context.Description.ActionDescriptor.EndpointMetadata.OfType<RequiredAccess>().LastOrDefault() is { Scope: { } scope })
                {
                    operation.Description = $"{operation.Description} Needs the scope {scope.ToText()}.".TrimStart();
                    operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(BearerScheme, context.Document)] = [] }];
                }

                return Task.CompletedTask;
            });
        });

    public static void MapApiDescription(this IEndpointRouteBuilder routes)
    {
        routes.MapOpenApi("/openapi/{documentName}.json").IsOpen();
        routes.MapScalarApiReference("/docs", options =>
        {
            options.Title = "ReleaseBot API";
            // Nothing of this page comes from, or goes to, another host.
            options.DefaultFonts = false;
            options.Telemetry = false;
            options.ShowDeveloperTools = DeveloperToolsVisibility.Never;
            options.Agent = new ScalarAgentOptions { Disabled = true };
            options.OpenApiRoutePattern = "/openapi/{documentName}.json";
        }).IsOpen();
    }
}
