#if os(Linux)
  import Serving

  extension ServeRun {
    /// The machine over this host's kernel.
    static func machine(
      _ options: ServeOptions, _ trace: any ServeTrace
    ) throws -> any ServingMachine {
      // WIRE: ServedMachine(options, kernel: LinuxKernel(), trace: trace)
      throw ServeStatusError.silent("")
    }
  }
#endif
