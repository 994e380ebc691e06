using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ReleaseBot.Core;
using ReleaseBot.GitLab;

namespace ReleaseBot.Web;

/// <summary>The web role's way in: GitLab's webhooks, the API and the pages.</summary>
public static class ReleaseBotWeb
{
    /// <summary>Adds the web role. The settings, their parts, a <see cref="TimeProvider"/> and the history are the host's to register.</summary>
    public static IServiceCollection AddReleaseBotWeb(this IServiceCollection services)
    {
        services.AddKeyedSingleton(WakeUps.Verify, (provider, _) => new WakeUp(provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<WebhookAuthenticator>();
        services.TryAddSingleton<GitLabClient>();
        services.AddSingleton<DeliveryReceiver>();
        services.AddSingleton<IntakeCounters>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<LoopbackOnly>();
        services.AddSingleton<LogFollowers>();
        services.AddSingleton<RefLookup>();
        services.AddSingleton<RegistryQuestions>();
        services.AddSingleton<PlanForecast>();
        services.AddSingleton<ReplayPlanner>();
        services.AddSingleton<WorkSignal>();
        // A wrong body or parameter is answered by ExceptionToProblem, as any other fault.
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        return services.AddReleaseBotHealth().AddApiDescription();
    }

    /// <summary>Adds what the health of a role alone needs, which <see cref="AddReleaseBotWeb"/> has too.</summary>
    public static IServiceCollection AddReleaseBotHealth(this IServiceCollection services)
    {
        services.AddSingleton<IReadinessProbe, StoreProbe>();
        services.AddRouting();
        services.AddProblemDetails();
        services.AddExceptionHandler<ExceptionToProblem>();
        services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default));
        services.Configure<KestrelServerOptions>(options => options.AddServerHeader = false);
        return services;
    }

    /// <summary>Builds the pipeline. The order is the protection: headers on every answer, faults turned into problems, the gate, what the route would misread, and then the routes.</summary>
    public static WebApplication UseReleaseBotWeb(this WebApplication app)
    {
        app.UseAnswers();
        app.UseMiddleware<AccessGate>();
        app.UseMiddleware<QueryGate>();

        app.MapIntake();
        app.MapReleases();
        app.MapReleaseLog();
        app.MapReleaseOperations();
        app.MapPlan();
        app.MapImages();
        app.MapTagOperations();
        app.MapDeliveries();
        app.MapQueue();
        app.MapReconcile();
        app.MapWorkers();
        app.MapHealth();
        app.MapMetrics();
        app.MapApiDescription();
        app.MapPages();
        return app;
    }

    /// <summary>The pipeline of a process without the web role: its health and nothing else.</summary>
    public static WebApplication UseReleaseBotHealth(this WebApplication app)
    {
        app.UseAnswers();
        app.MapHealth();
        return app;
    }

    /// <summary>
    /// HEAD is answered wherever GET is (RFC 9110, 9.1), as probes ask; Kestrel knows what was asked and sends no body. <see cref="HeadersOnly"/> tells a route
    /// whose body has no end.
    /// </summary>
    private static Task HeadAsGet(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsHead(context.Request.Method))
        {
            context.Features.Set(new HeadersOnly());
            context.Request.Method = HttpMethods.Get;
        }

        return next(context);
    }

    /// <summary>What every answer goes through, of whichever role.</summary>
    private static void UseAnswers(this WebApplication app)
    {
        app.UseMiddleware<SecurityHeaders>();
        app.Use(HeadAsGet);
        app.UseExceptionHandler();
        app.UseStatusCodePages(context => Problems.ForStatus(context.HttpContext.Response.StatusCode).ExecuteAsync(context.HttpContext));
        app.UseRouting();
    }
}
