using BenchmarkDotNet.Running;

// Prints what there is to choose from where no --filter is given.
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, new Sockeye.Benchmarks.BenchmarkConfig());
