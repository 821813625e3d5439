import HostABI
import HostSystem

/// System calls on open files, by what the file is.
extension HostState {
  func ioctl(
    _ file: OpenFile, _ request: UInt32, _ argument: UInt64, by caller: Caller
  ) throws(LinuxErrno) -> Int32 {
    switch file.kind {
    case .context(let context): try context.ioctl(request, argument, by: caller)
    case .device(let device): try device.ioctl(request, argument, by: caller, host: self)
    case .group(let group): try ioctl(on: group, request, argument, by: caller)
    case .faults, .events, .counter, .event, .memory, .access, .buffer, .other: throw .ENOTTY
    }
  }

  func read(
    _ file: OpenFile, _ address: UInt64, _ count: Int, at offset: UInt64?, by caller: Caller
  ) throws(LinuxErrno) -> Int {
    guard count >= 0 else { throw .EINVAL }
    switch file.kind {
    case .faults(let queue):
      guard offset == nil else { throw .ESPIPE }
      return try queue.read(caller.memory, address, count)
    case .events(let queue):
      guard offset == nil else { throw .ESPIPE }
      return try queue.read(caller.memory, address, count)
    case .device(let device):
      return try device.read(address, count, at: offset ?? 0, by: caller)
    case .counter(let counter):
      guard offset == nil else { throw .ESPIPE }
      guard count >= 8 else { throw .EINVAL }
      try caller.memory.store(CounterValue(try counter.take()), at: address)
      return 8
    case .memory(let file):
      let start = Int(min(offset ?? 0, UInt64(file.byteCount)))
      let part = min(count, file.byteCount - start)
      try caller.memory.store(file.memory.read(at: start, count: part), at: address)
      return part
    case .context, .group, .access, .buffer, .event, .other: throw .EINVAL
    }
  }

  func write(
    _ file: OpenFile, _ address: UInt64, _ count: Int, at offset: UInt64?, by caller: Caller
  ) throws(LinuxErrno) -> Int {
    guard count >= 0 else { throw .EINVAL }
    switch file.kind {
    case .faults(let queue):
      guard offset == nil else { throw .ESPIPE }
      return try queue.write(caller.memory, address, count)
    case .device(let device):
      return try device.write(address, count, at: offset ?? 0, by: caller)
    case .counter(let counter):
      guard offset == nil else { throw .ESPIPE }
      guard count >= 8 else { throw .EINVAL }
      try counter.add(try caller.memory.load(CounterValue.self, at: address).value)
      return 8
    case .memory(let file):
      let start = Int(min(offset ?? 0, UInt64(file.byteCount)))
      let part = min(count, file.byteCount - start)
      guard part > 0 || count == 0 else { throw .ENOSPC }
      file.memory.write(try caller.memory.load(part, at: address), at: start)
      return part
    case .events, .context, .group, .access, .buffer, .event, .other: throw .EINVAL
    }
  }

  func poll(_ file: OpenFile) -> Readiness {
    switch file.kind {
    case .faults(let queue): queue.isReadable ? [.readable, .writable] : .writable
    case .events(let queue): queue.isReadable ? .readable : []
    case .counter(let counter): counter.isSignalled ? [.readable, .writable] : .writable
    // Files without a poll operation are always ready.
    case .context, .device, .group, .memory, .access, .buffer, .event, .other:
      [.readable, .writable]
    }
  }

  /// The memory that a mapping is wanted of.
  func mappable(
    _ file: OpenFile, _ offset: UInt64, _ byteCount: Int
  ) throws(LinuxErrno) -> MappableMemory {
    let kind = file.kind
    guard offset & Page.mask == 0, byteCount > 0 else { throw .EINVAL }
    switch kind {
    case .memory(let file):
      let size = UInt64(file.memory.byteCount)
      guard offset < size, UInt64(byteCount) <= size - offset else { throw .EINVAL }
      return MappableMemory(memory: file.memory, offset: Int(offset), keeper: nil)
    case .context(let context):
      let whole = (UInt64(byteCount) + Page.mask) & ~Page.mask
      guard
        let memory = context.driverMemory.first(where: {
          $0.offset == offset && UInt64($0.memory.byteCount) == whole
        })
      else { throw .ENXIO }
      return MappableMemory(memory: memory.memory, offset: 0, keeper: memory.hold())
    case .device(let device): return try device.mappable(offset, byteCount)
    case .buffer: throw .EINVAL
    default: throw .ENODEV
    }
  }
}

/// Memory that can be shown in a program's.
struct MappableMemory: Sendable {
  let memory: AnonymousMemory
  /// Where in it the mapping starts, in bytes.
  let offset: Int
  /// What lives as long as the mapping.
  let keeper: DriverMapping?
}

/// The eight bytes of an eventfd.
private struct CounterValue: WireStructure {
  var value: UInt64 = 0

  init() {}

  init(_ value: UInt64) { self.value = value }
}
