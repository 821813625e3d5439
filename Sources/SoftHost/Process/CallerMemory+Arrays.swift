package import HostABI

extension CallerMemory {
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
