using ReleaseBot.Commands;

return await CommandLineApplication.RunAsync(args, CommandEnvironment.OfProcess(), CancellationToken.None);
