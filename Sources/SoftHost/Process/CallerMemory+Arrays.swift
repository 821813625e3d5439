package import HostABI
import HostSystem

extension CallerMemory {
  /// Puts the first bytes of a structure at an address.
  package func storePart<Structure: WireStructure>(
    _ structure: Structure, _ byteCount: Int, at address: UInt64
  ) throws(LinuxErrno) {
    let bytes = StructureBytes.bytes(of: structure)
    try store([UInt8](bytes.prefix(max(byteCount, 0))), at: address)
  }

  /// The element of an array at an address; `EFAULT` also where addresses wrap.
  package func element<Element: WireStructure>(
    _ type: Element.Type, _ index: Int, of address: UInt64
  ) throws(LinuxErrno) -> Element {
    try load(type, at: try Self.address(of: index, stride: Element.byteCount, from: address))
  }

  /// Puts an element into an array at an address; `EFAULT` also where addresses wrap.
  package func store<Element: WireStructure>(
    _ element: Element, _ index: Int, of address: UInt64
  ) throws(LinuxErrno) {
    try store(
      element, at: try Self.address(of: index, stride: Element.byteCount, from: address))
  }

  private static func address(
    of index: Int, stride: Int, from start: UInt64
  ) throws(LinuxErrno) -> UInt64 {
    let (distance, isTooFar) = UInt64(index).multipliedReportingOverflow(by: UInt64(stride))
    let (address, wraps) = start.addingReportingOverflow(distance)
    if isTooFar || wraps { throw .EFAULT }
    return address
  }
}

extension CallerMemory {
  /// Zeroes bytes at an offset from an address, a page at a time; nothing for a count below 1.
  package func clear(
    _ byteCount: Int, at address: UInt64, _ offset: Int
  ) throws(LinuxErrno) {
    var left = byteCount
    var at = address &+ UInt64(offset)
    while left > 0 {
      let count = min(left, Int(Page.size))
      try store([UInt8](repeating: 0, count: count), at: at)
      at = at &+ UInt64(count)
      left -= count
    }
  }
}
