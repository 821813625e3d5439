#if os(Linux)
  package import HostSystem

  /// Lets programs use registers of devices through mappings that have nothing behind them.
  ///
  /// An access to such a mapping raises SIGBUS; a thread that traces the program sees the signal
  /// first, decodes the instruction, carries it out on the device, and lets the program go on behind
  /// it. Other signals, and SIGBUS of other causes, pass untouched. MOVDIR64B, MOVDIRI, ENQCMD and
  /// ENQCMDS are made up for the same way on processors that lack them.
  ///
  /// Limits: a traced program can have no other tracer (a debugger that is there before wins). The
  /// kernel resets a SIGBUS handler when the signal is blocked at the time of the access, because a
  /// fault cannot wait. On architectures but x86-64 the program keeps its SIGBUS.
  package final class AccessTracer: Sendable {
    private let orders: TraceOrders
    private let thread: WakeableThread

    /// Starts the tracing thread.
    ///
    /// - Parameters:
    ///   - devices: What is asked for each access.
    ///   - firstTrappedOffset: Where in a device's file the regions begin that are never memory.
    ///   - log: Gets a line for each access that could not be carried out, on the tracing thread.
    /// - Throws: ``CallFailure`` when no thread can be made.
    package init(
      devices: any MappedDevices, firstTrappedOffset: UInt64,
      log: @escaping @Sendable (String) -> Void
    ) throws(CallFailure) {
      let orders = try TraceOrders()
      self.orders = orders
      thread = try WakeableThread {
        TraceLoop(devices: devices, firstTrappedOffset: firstTrappedOffset, log: log).run(orders)
      }
    }

    /// Traces a process, all of its threads, and what they start.
    ///
    /// Returns when all of that is traced, also for a process that is traced already. Nothing that
    /// the devices' functions wait for may be held meanwhile.
    ///
    /// - Throws: `EPERM` when something else traces it, `ESRCH` when it is gone.
    package func follow(_ process: Int32) throws(CallFailure) {
      let number = orders.add(process)
      while true {
        // It may be about to wait just now and miss the call, so it is called again.
        thread.wake()
        if let answer = orders.takeAnswer(number) { return try answer.get() }
        Calls.pause(microseconds: 50)
      }
    }
  }
#endif
