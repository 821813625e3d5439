import HostABI
import HostSystem

/// Memory of a unit's driver that programs map through their context's descriptor.
final class DriverMemory {
  /// The offset at which it is mapped.
  let offset: UInt64
  let memory: AnonymousMemory
  private weak var mapping: DriverMapping?

  init(offset: UInt64, memory: AnonymousMemory) {
    self.offset = offset
    self.memory = memory
  }

  /// Whether it is in a program's memory now.
  var isMapped: Bool { mapping != nil }

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
    guard let memory = try? AnonymousMemory(byteCount: pageCount << 12) else { throw .ENOMEM }
    var offset = Page.size
    var index = 0
    while index < driverMemory.count,
      driverMemory[index].offset - offset < UInt64(memory.byteCount)
    {
      offset = driverMemory[index].range.upperBound + 1
      index += 1
    }
    let made = DriverMemory(offset: offset, memory: memory)
    driverMemory.insert(made, at: index)
    return made
  }

  /// Gives the offsets of a driver's memory back.
  func remove(_ memory: DriverMemory) { driverMemory.removeAll { $0 === memory } }
}
