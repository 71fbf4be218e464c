using Replication.Benchmarks;
using Xunit.MicrosoftTestingPlatform;

return args is ["bench", .. string[] rest]
    ? await BenchCommand.RunAsync(rest)
    : await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
