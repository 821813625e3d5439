import HostABI
import HostSystem
import SoftHost

/// Opening device nodes by path, and what they are said to be.
extension Trap {
  func open(
    _ call: TrappedCall, _ form: TrappedKind.PathForm, _ process: ProgramProcess
  ) throws(LinuxErrno) -> TrapAnswer {
    let folder: Int32? = form == .plain ? nil : Int32(truncatingIfNeeded: call.a)
    let place = form == .plain ? call.a : call.b
    var flags = form == .plain ? call.b : call.c
    guard let path = path(at: place, process) else { return .goOn }
    if let number = NodeName.statusOwner(path, of: process.number) {
      return try openStatus(of: number, path)
    }
    guard let node = node(path, below: folder, process) else {
      return .goOn
    }
    if form == .how {
      guard let how = try? process.memory.load(OffsetField.self, at: call.c) else { return .goOn }
      flags = how.value
    }
    let onlyPath: UInt64 = 0o10_000_000
    let closeOnExec: UInt64 = 0o2_000_000
    guard flags & onlyPath == 0 else { return .goOn }
    tellCloses()
    setClosesOnExec(flags & closeOnExec != 0)
    return .value(Int64(try process.program.open(node)))
  }

  /// A process's status with the pages that devices of the host hold of it; the machine's own kernel
  /// knows nothing of those.
  private func openStatus(of number: Int32, _ path: String) throws(LinuxErrno) -> TrapAnswer {
    guard let process = known(number) else { return .goOn }
    let held = process.program.heldPages
    guard held.pinned > 0 || held.locked > 0, let text = MemoryList.text(path) else { return .goOn }
    let lines = String(decoding: text, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map { line -> String in
      for (name, pages) in [("VmPin:", held.pinned), ("VmLck:", held.locked)]
      where line.hasPrefix(name) {
        let own =
          line.dropFirst(name.count).split(whereSeparator: { $0 == " " || $0 == "\t" })
          .first.flatMap { Int($0) } ?? 0
        let number = "\(own + pages * 4)"
        return "\(name)\t" + String(repeating: " ", count: max(0, 8 - number.count))
          + "\(number) kB"
      }
      return String(line)
    }
    do {
      let file = try Calls.makeFile(holding: Array(lines.joined(separator: "\n").utf8))
      defer { try? Calls.close(file) }
      return .value(Int64(try inject(file, as: nil, closesOnExec: true)))
    } catch let error as LinuxErrno {
      throw error
    } catch {
      return .goOn
    }
  }

  /// A path in the program's memory, if it may lead to a node of ours.
  func path(at address: UInt64, _ process: ProgramProcess) -> String? {
    var bytes: [UInt8] = []
    var at = address
    while bytes.count < 4096 {
      let count = 4096 - Int(at & 4095)
      guard let piece = try? process.memory.load(min(count, 256), at: at) else { return nil }
      if let end = piece.firstIndex(of: 0) {
        bytes += piece[..<end]
        break
      }
      bytes += piece
      at &+= UInt64(piece.count)
    }
    return NodeName.mayLead(bytes) ? String(decoding: bytes, as: UTF8.self) : nil
  }

  /// The path of the node that a path leads to, links followed, as the program's own kernel would.
  func node(_ path: String, below folder: Int32?, _ process: ProgramProcess) -> String? {
    if let descriptor = NodeName.descriptor(path, of: process.number) {
      if let file = try? process.file(descriptor) {
        return files.file(file).flatMap { NodeName.path(of: $0.role) }
      }
    }
    let opened: Int32?
    if let descriptor = NodeName.descriptor(path, of: process.number) {
      // A descriptor that stands for a path only.
      opened = Calls.find(
        "\(descriptor)", from: "/proc/\(process.number)/fd", staysBelow: false)
    } else if path.hasPrefix("/") {
      opened = Calls.find(path, from: "/proc/\(process.number)/root", staysBelow: true)
    } else if let folder, folder >= 0 {
      opened = Calls.find(path, from: "/proc/\(process.number)/fd/\(folder)", staysBelow: false)
    } else {
      opened = Calls.find(path, from: "/proc/\(process.number)/cwd", staysBelow: false)
    }
    guard let opened else { return nil }
    defer { try? Calls.close(opened) }
    guard let identity = try? Calls.facts(of: opened).identity else { return nil }
    // A link of `/proc` to a descriptor leads to the real file: opening it opens the node again.
    return nodes[identity] ?? files.file(identity).flatMap { NodeName.path(of: $0.role) }
  }

  // MARK: What files are said to be

  func status(
    _ call: TrappedCall, _ form: TrappedKind.StatusForm, _ process: ProgramProcess
  ) throws(LinuxErrno) -> TrapAnswer {
    let node: String?
    let descriptor = Int32(truncatingIfNeeded: call.a)
    switch form {
    case .descriptor: node = try ownNode(descriptor, process)
    case .path: node = path(at: call.a, process).flatMap { self.node($0, below: nil, process) }
    case .below, .extended:
      let emptyPath: UInt64 = 0x1000
      let flags = form == .below ? call.d : call.c
      if flags & emptyPath != 0, filter.window.contains(descriptor),
        (try? process.memory.load(1, at: call.b)) == [0] || call.b == 0
      {
        node = try ownNode(descriptor, process)
      } else {
        node = path(at: call.b, process).flatMap { self.node($0, below: descriptor, process) }
      }
    }
    guard let node, let number = numbers[node] else { return .goOn }
    switch form {
    case .descriptor: try process.memory.store(NodeStatus(number).bytes, at: call.b)
    case .path: try process.memory.store(NodeStatus(number).bytes, at: call.b)
    case .below: try process.memory.store(NodeStatus(number).bytes, at: call.c)
    case .extended: try process.memory.store(NodeStatus(number).extendedBytes, at: call.e)
    }
    return .value(0)
  }

  /// The path of the node that a descriptor of ours was opened by.
  private func ownNode(
    _ descriptor: Int32, _ process: ProgramProcess
  ) throws(LinuxErrno) -> String? {
    guard let file = try process.file(descriptor), let real = files.file(file) else { return nil }
    return NodeName.path(of: real.role)
  }
}

/// Paths of device nodes.
enum NodeName {
  static func path(of role: FileRole) -> String? {
    switch role {
    case .context: "/dev/iommu"
    case .device(let number): "/dev/vfio/devices/vfio\(number)"
    case .group(let number): "/dev/vfio/\(number)"
    case .faults, .events, .access, .buffer: nil
    }
  }

  /// Whether the last part of a path is like that of a node, or a number.
  static func mayLead(_ path: [UInt8]) -> Bool {
    let last = path.split(separator: UInt8(ascii: "/")).last ?? []
    if last.elementsEqual("iommu".utf8) || last.elementsEqual("status".utf8) { return true }
    let digits = last.starts(with: "vfio".utf8) ? last.dropFirst(4) : last
    return digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// The process whose status a path names.
  static func statusOwner(_ path: String, of process: Int32) -> Int32? {
    guard path.hasPrefix("/proc/"), path.hasSuffix("/status") else { return nil }
    let name = path.dropFirst(6).dropLast(7)
    return name == "self" ? process : Int32(name)
  }

  /// The descriptor that a path of a process's own descriptors names.
  static func descriptor(_ path: String, of process: Int32) -> Int32? {
    for folder in [
      "/proc/self/fd/", "/dev/fd/", "/proc/thread-self/fd/", "/proc/\(process)/fd/",
    ] where path.hasPrefix(folder) {
      return Int32(path.dropFirst(folder.count))
    }
    return nil
  }
}

/// A character device as `stat` tells of it.
struct NodeStatus {
  let number: UInt64

  init(_ number: UInt64) { self.number = number }

  private func put(_ value: UInt64, _ count: Int, _ offset: Int, _ bytes: inout [UInt8]) {
    for index in 0..<count {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }

  /// `struct stat`.
  var bytes: [UInt8] {
    #if arch(x86_64)
      var bytes = [UInt8](repeating: 0, count: 144)
      put(1, 8, 16, &bytes)
      put(0o020600, 4, 24, &bytes)
      put(number, 8, 40, &bytes)
      put(4096, 8, 56, &bytes)
    #else
      var bytes = [UInt8](repeating: 0, count: 128)
      put(0o020600, 4, 16, &bytes)
      put(1, 4, 20, &bytes)
      put(number, 8, 32, &bytes)
      put(4096, 4, 56, &bytes)
    #endif
    return bytes
  }

  /// `struct statx`.
  var extendedBytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 256)
    put(0x7FF, 4, 0, &bytes)
    put(4096, 4, 4, &bytes)
    put(1, 4, 16, &bytes)
    put(0o020600, 2, 28, &bytes)
    put(number >> 8 & 0xFFF | number >> 32 & ~0xFFF, 4, 128, &bytes)
    put(number & 0xFF | number >> 12 & ~0xFF, 4, 132, &bytes)
    return bytes
  }
}
