#if os(Linux)
  internal import HostSystem

  /// The tracing thread: takes events of traced threads, one after another.
  final class TraceLoop {
    /// An open map, which more than one thread of a process asks.
    private final class SharedMap {
      var map: ProcessMap
      init(_ map: consuming ProcessMap) { self.map = map }
    }

    private enum Signal {
      static let illegal: Int32 = 4
      static let bus: Int32 = 7
      static let stops: Set<Int32> = [19, 20, 21, 22]
    }

    private let devices: any MappedDevices
    private let firstTrappedOffset: UInt64
    private let log: @Sendable (String) -> Void
    /// Traced threads, and the process of each, as far as it was asked for.
    private var processes: [Int32: Int32?] = [:]
    private var maps: [Int32: SharedMap] = [:]

    init(
      devices: any MappedDevices, firstTrappedOffset: UInt64,
      log: @escaping @Sendable (String) -> Void
    ) {
      self.devices = devices
      self.firstTrappedOffset = firstTrappedOffset
      self.log = log
    }

    func run(_ orders: TraceOrders) {
      while true {
        orders.serve { process in
          Result { () throws(CallFailure) in try seize(process) }
        }
        guard !processes.isEmpty else {
          orders.wait()
          continue
        }
        do throws(CallFailure) {
          let next = try Calls.nextTraceEvent()
          handle(next.thread, next.event)
        } catch {
          let noChild: Int32 = 10
          if error.errno == noChild { processes = [:] }
        }
      }
    }

    /// Traces all threads of a process; new ones are traced by the kernel from their start.
    private func seize(_ process: Int32) throws(CallFailure) {
      let forksClonesExecAndExit: UInt64 = 2 | 4 | 8 | 0x10 | 0x40
      var tried: Set<Int32> = []
      var failure: CallFailure?
      var isTraced = false
      // Each round may meet threads that were made in the last one by such that were not traced yet.
      while true {
        let names = (try? Folder.names(in: "/proc/\(process)/task")) ?? []
        let fresh = names.compactMap { Int32($0) }.filter { !tried.contains($0) }
        if fresh.isEmpty { break }
        for thread in fresh {
          tried.insert(thread)
          if processes[thread] != nil {
            isTraced = true
            continue
          }
          do throws(CallFailure) {
            try Calls.seize(thread, options: forksClonesExecAndExit)
          } catch {
            // Born of a traced one, its first stop is still to come.
            guard tracer(of: thread) == Calls.ownThread else {
              failure = error
              continue
            }
          }
          processes[thread] = .some(process)
          isTraced = true
        }
      }
      guard isTraced else { throw failure ?? CallFailure(errno: 3) }
    }

    private func tracer(of thread: Int32) -> Int32? { statusNumber(thread, "TracerPid:") }

    /// A number of `/proc/N/status`.
    private func statusNumber(_ thread: Int32, _ name: String) -> Int32? {
      let text = String(
        decoding: (try? Calls.contents("/proc/\(thread)/status")) ?? [], as: UTF8.self)
      let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
      return line?.split(separator: "\t").last.flatMap { Int32($0) }
    }

    private func handle(_ thread: Int32, _ event: TraceEvent) {
      guard case .stopped(let signal, let kind) = event else {
        processes[thread] = nil
        maps[thread] = nil
        return
      }
      if processes[thread] == nil { processes[thread] = .some(nil) }
      let groupStop: Int32 = 128
      let exec: Int32 = 4
      let exit: Int32 = 6
      switch kind {
      case 0:
        #if arch(x86_64)
          if signal == Signal.bus || signal == Signal.illegal {
            let delivered = answer(thread, signal)
            try? Calls.resume(thread, signal: delivered)
            return
          }
        #endif
        try? Calls.resume(thread, signal: signal)
      case groupStop where Signal.stops.contains(signal): try? Calls.leaveStopped(thread)
      case exec:
        // Another program, with another map, in the process's first thread.
        processes[thread] = .some(thread)
        maps[thread] = nil
        try? Calls.resume(thread, signal: 0)
      case exit:
        // Its parent cannot take the status of a thread that is traced at its end, though it is told
        // of the end at once.
        processes[thread] = nil
        maps[thread] = nil
        try? Calls.leave(thread)
      default: try? Calls.resume(thread, signal: 0)
      }
    }

    #if arch(x86_64)
      /// Carries an access out; answers which signal the program gets, 0 for none.
      private func answer(_ thread: Int32, _ signal: Int32) -> Int32 {
        // What a process sent, and not the processor, is the program's.
        guard let cause = try? Calls.stoppingSignal(thread), cause.code > 0,
          let map = map(of: thread),
          var machine = try? TracedThread(
            thread, devices: devices, firstTrappedOffset: firstTrappedOffset,
            find: { map.map.mapping(at: $0) })
        else { return signal }
        if signal == Signal.bus, (try? machine.device(at: cause.address, 1)) == nil {
          return signal
        }
        return carryOut(&machine, signal)
      }

      private func carryOut(_ machine: inout TracedThread, _ signal: Int32) -> Int32 {
        let bytes = machine.instructionBytes()
        let instruction = try? InstructionDecoder.decode(bytes)
        guard machine.is64Bit, let instruction else {
          if signal == Signal.bus { report(machine, bytes, "is not known") }
          return signal
        }
        if signal == Signal.illegal, !instruction.mayBeMissing { return signal }
        do throws(AccessProblem) {
          try Execution.run(instruction, on: &machine)
        } catch {
          // Elements of a string that were done stay done.
          if case .string = instruction.action { try? machine.commit() }
          let what =
            switch error {
            case .bus: "met a register that refuses it"
            case .address: "names memory that it may not use"
            case .thread: "needs registers that cannot be reached"
            }
          report(machine, bytes.prefix(instruction.byteCount), what)
          return error.signal
        }
        do {
          try machine.commit()
        } catch {
          return signal
        }
        return 0
      }

      private func report(
        _ machine: TracedThread, _ bytes: some Sequence<UInt8>, _ what: String
      ) {
        let text = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
          .joined(separator: " ")
        let place = String(machine.registers.instruction, radix: 16)
        log("thread \(machine.thread): the instruction at 0x\(place) (\(text)) \(what)")
      }

      private func map(of thread: Int32) -> SharedMap? {
        let process: Int32
        if let known = processes[thread] ?? nil {
          process = known
        } else {
          guard let asked = statusNumber(thread, "Tgid:") else { return nil }
          process = asked
          processes[thread] = .some(asked)
        }
        if let map = maps[process] { return map }
        guard let map = try? ProcessMap(process) else { return nil }
        let shared = SharedMap(map)
        maps[process] = shared
        return shared
      }
    #endif
  }
#endif
