import HostABI
import HostSystem

/// Memory of a unit's driver that programs map through their context's descriptor.
final class DriverMemory {
  /// The offset at which it is mapped.
  let offset: UInt64
  let memory: AnonymousMemory
  private weak var mapping: DriverMapping?
  /// The file that programs of other processes map.
  private let file: (any MappableFile)?

  init(offset: UInt64, memory: AnonymousMemory, file: (any MappableFile)?) {
    self.offset = offset
    self.memory = memory
    self.file = file
  }

  /// Whether it is in a program's memory now.
  var isMapped: Bool { mapping != nil || file?.isMapped(range) ?? false }

  /// What keeps the memory's owner from being destroyed for as long as it lives.
  func hold() -> DriverMapping {
    if let mapping { return mapping }
    let made = DriverMapping()
    mapping = made
    return made
  }

  /// The offsets that it takes.
  var range: ClosedRange<UInt64> { offset...(offset + UInt64(memory.byteCount) - 1) }
}

/// Held by each part of a program's memory that shows a driver's.
final class DriverMapping: Sendable {}

extension IOMMUContext {
  /// Fresh zeroed pages of a driver, at the lowest free offset from one page on.
  func makeDriverMemory(pageCount: Int) throws(LinuxErrno) -> DriverMemory {
    var offset = Page.size
    var index = 0
    while index < driverMemory.count,
      driverMemory[index].offset - offset < UInt64(pageCount << 12)
    {
      offset = driverMemory[index].range.upperBound + 1
      index += 1
    }
    guard
      let memory = file.map({ $0.memory(at: offset, byteCount: pageCount << 12) })
        ?? (try? AnonymousMemory(byteCount: pageCount << 12))
    else { throw .ENOMEM }
    // A file's pages may hold what was there before.
    if file != nil { memory.clear() }
    let made = DriverMemory(offset: offset, memory: memory, file: file)
    driverMemory.insert(made, at: index)
    return made
  }

  /// Gives the offsets of a driver's memory back.
  func remove(_ memory: DriverMemory) { driverMemory.removeAll { $0 === memory } }
}
