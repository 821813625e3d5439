// Launches a program over a host with one device, as `passage host` does but with nobody who answers
// its requests, and exits as the program did. The tests of HostLab start it.
import HostLab
import HostSystem

#if os(Linux)
  // launch-probe [--report] [--trap-exec] [--same-address BDF] COMMAND…
  var arguments = Array(CommandLine.arguments.dropFirst())
  var address = "0000:6a:01.0"
  var isReporting = false
  var registers: String?
  let allow: UInt64 = 0x06 | 0x7fff_0000 << 32
  var filter = [allow]
  options: while let option = arguments.first {
    switch option {
    case "--report": isReporting = true
    case "--trap-exec":
      // Loads the number of the call; execve's asks the listener, every other one is allowed.
      #if arch(x86_64)
        let execve: UInt64 = 59
      #else
        let execve: UInt64 = 221
      #endif
      let askListener: UInt64 = 0x06 | 0x7fc0_0000 << 32
      filter = [0x20, 0x15 | 1 << 24 | execve << 32, askListener, allow]
    case "--same-address":
      arguments.removeFirst()
      address = arguments.first ?? address
    case "--registers":
      // A file whose first page is there, and whose second one is a device's.
      arguments.removeFirst()
      registers = arguments.first
    default: break options
    }
    arguments.removeFirst()
  }

  var config = [UInt8](repeating: 0, count: 4096)
  for (offset, bytes) in [
    0x00: [0x86, 0x80, 0x25, 0x0b, 0x06], 0x09: [0x00, 0x80, 0x08], 0x10: [0x0c, 0x00, 0x00, 0x80],
    0x2c: [0x86, 0x80, 0x00, 0x00],
  ] as [Int: [UInt8]] {
    config.replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }
  let device = TreeDevice(
    address: address, config: config,
    regions: [.memory(at: 0x8000_0000, byteCount: 0x10000, is64Bit: true, isPrefetchable: true)],
    group: 77, vfioIndex: 0)
  let tree = HostTree(
    devices: [device], iommu: .vtd(capability: 0xd2, extendedCapability: 0xf0))

  do {
    let program = try LaunchedProgram.launch(
      LaunchPlan(arguments: arguments, tree: tree, filter: filter))
    if isReporting {
      let real = program.nodesAreCharacterDevices
      var lines = ["program \(program.pid) listener \(program.listener) real \(real)"]
      for (file, path) in program.nodes.sorted(by: { $0.value < $1.value }) {
        lines.append("\(path) \(file.device) \(file.inode)")
      }
      try Calls.writeAll(1, Array((lines.joined(separator: "\n") + "\n").utf8))
    }
    if let registers {
      let file = try Calls.facts(of: registers, followingLinks: true).identity
      let tracer = try AccessTracer(devices: TestRegisters(file), firstTrappedOffset: 0x1000) {
        try? Calls.writeAll(1, Array("log: \($0)\n".utf8))
      }
      try tracer.follow(program.pid)
    }
    if filter.count > 1 { program.killAll() }
    Calls.exit(program.wait().status)
  } catch let error as LaunchError {
    try Calls.writeAll(2, Array("launch-probe: \(error)\n".utf8))
    Calls.exit(error.exitStatus)
  }
#endif
