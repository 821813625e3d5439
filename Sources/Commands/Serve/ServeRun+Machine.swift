#if os(Linux)
  import LinuxHost
  import Serving

  extension ServeRun {
    /// The machine over this host's kernel.
    static func machine(
      _ options: ServeOptions, _ trace: any ServeTrace
    ) throws -> any ServingMachine {
      try ServedMachine(options, kernel: LinuxKernel(), trace: trace)
    }
  }
#endif
