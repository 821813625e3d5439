#if os(Linux)
  import DeviceModels
  import HostABI
  import HostSystem
  import IOMMU
  import LogText
  import PCIe
  import SoftHost

  /// One run: the host, the program, and what stands between them.
  struct SupervisedRun {
    private let options: HostRunOptions
    private let host: SoftwareHost
    private let description: HostDescription
    private let devices: DeviceSet
    private let spaces = ForeignSpaces()

    /// Builds the host.
    init(_ options: HostRunOptions) throws {
      self.options = options
      devices = try DeviceSet(
        options.devices.map { text throws(DeviceChoiceError) in try DeviceChoice(parsing: text) })
      var description = devices.hostDescription(
        UnitChoice(options.unit == .vtd ? .vtd : .smmuv3),
        answersMockRequests: options.answersMockRequests, isStrict: options.log != nil)
      options.limits.apply(to: &description)
      self.description = description
      host = try SoftwareHost(description, foreign: spaces)
    }

    /// Runs the program to its end.
    func run() throws -> Int32 {
      let own = Calls.ownNumber
      let window = Filter.window(limit: OtherProcess.descriptorLimit(of: own))
      let isRoot = Calls.effectiveUser == 0
      let filter = Filter(window: window, answersStat: false)
      let tree = HostTree(
        devices: description.treeDevices, iommu: description.treeIOMMU(options.unit))
      let program = try LaunchedProgram.launch(
        LaunchPlan(
          arguments: options.command, tree: tree, filter: filter.program(),
          forPlainNodes: Filter(window: window, answersStat: true).program()))
      // From here on the program waits for answers, and there are threads.
      OtherProcess.raiseOwnDescriptorLimit()
      let brokenPipe: Int32 = 13
      try Calls.blockSignals(Calls.mask([brokenPipe]))
      let clock = RunClock()
      let log = try options.log.map { try RequestLog($0, devices: description.logDevices) }
      let numbers = Dictionary(
        uniqueKeysWithValues: tree.nodes.map {
          ($0.path, FileIdentity.deviceNumber(major: tree.major, minor: $0.minor))
        })
      let running = devices.start(
        on: host, trace: log.map { DeviceTrace($0, units: host.units) { clock.nanoseconds } })
      defer { running.stop() }
      let trap = try Trap(
        host, filter: filter, listener: program.listener, spaces: spaces, isRoot: isRoot,
        nodes: program.nodes, numbers: numbers, log: log,
        faults: FaultInjector(options.faults), clock: clock, running: running,
        addresses: description.devices.map(\.address))
      log?.record(
        .started(process: program.pid, arguments: options.command), at: clock.nanoseconds)
      let keeper = ServiceThread {
        trap.keep()
        return false
      }
      keeper.poke()
      let answering = ServiceThread {
        trap.run()
        return false
      }
      answering.poke()
      let end = program.wait()
      trap.tellCloses()
      let missing = ShrinkingMemory.missingPageCount
      if missing > 0 {
        log?.record(
          .message(
            "a file of the program's became shorter under a mapping: "
              + "\(missing) \(missing == 1 ? "page" : "pages") that devices touched had nothing behind"
          ),
          at: clock.nanoseconds)
      }
      log?.record(.ended(end), at: clock.nanoseconds)
      if host.openContextCount > 0 || host.chargedPageCount > 0 {
        log?.record(
          .leftBehind(contexts: host.openContextCount, chargedPages: host.chargedPageCount),
          at: clock.nanoseconds)
      }
      if let problem = log?.finish() { HostRun.complain("the log: \(problem)") }
      return end.status
    }
  }

  extension HostDescription {
    /// The devices as the log names them.
    var logDevices: [LogDevice] {
      devices.enumerated().map { index, device in
        LogDevice(index: index, address: device.address, config: device.function.config)
      }
    }

    /// The devices as sysfs shows them.
    var treeDevices: [TreeDevice] {
      var next: UInt64 = 0x20_0000_0000
      return devices.enumerated().map { index, device in
        var rows: [TreeDevice.Region] = Array(repeating: .none, count: 13)
        var config = device.function.config.bytes
        for bar in device.function.bars where bar.kind != .io {
          next = (next + bar.byteCount - 1) & ~(bar.byteCount - 1)
          rows[bar.index] = .memory(
            at: next, byteCount: bar.byteCount, is64Bit: bar.kind == .memory64,
            isPrefetchable: bar.isPrefetchable)
          config.replaceSubrange(
            bar.registerOffset..<bar.registerOffset + 4,
            with: (0..<4).map {
              UInt8(truncatingIfNeeded: (next | UInt64(bar.registerFlags)) >> UInt64(8 * $0))
            })
          if bar.kind == .memory64 {
            config.replaceSubrange(
              bar.registerOffset + 4..<bar.registerOffset + 8,
              with: (0..<4).map { UInt8(truncatingIfNeeded: next >> UInt64(32 + 8 * $0)) })
          }
          next += bar.byteCount
        }
        var tree = TreeDevice(
          address: "\(device.address)", config: config, regions: rows, group: device.group,
          vfioIndex: index)
        if let parent = device.parent { tree.physicalFunction = "\(devices[parent].address)" }
        let children = devices.filter { $0.parent == index }.map { "\($0.address)" }
        if device.function.role == .physicalFunction {
          tree.virtualFunctions = .init(total: max(children.count, 4), enabled: children)
        }
        return tree
      }
    }

    /// The IOMMU as sysfs shows it.
    func treeIOMMU(_ kind: HostRunOptions.Unit) -> TreeIOMMU {
      for unit in units {
        if case .vtd(let registers) = unit, kind == .vtd {
          return .vtd(
            capability: registers.capability.rawValue,
            extendedCapability: registers.extendedCapability.rawValue)
        }
      }
      return TreeIOMMU(
        name: "smmu3.0x0000000009050000", attributes: [:],
        reservedRegions: ["0x0000000008000000 0x00000000080fffff msi"])
    }
  }
#endif
