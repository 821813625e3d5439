import HostABI

/// What mock page tables hold.
extension IOMMUContext {
  /// Reserves addresses for as long as the address space lives.
  func mockAddReserved(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockReserveArgument.self)
    guard argument.length > 0 else { throw .EINVAL }
    let (last, wraps) = argument.start.addingReportingOverflow(argument.length - 1)
    if wraps { throw .EOVERFLOW }
    try ioas(argument.id).reserve(argument.start...last, for: .forever)
  }

  /// The mock's table behind a page table; `EINVAL` for another driver's.
  func mockDomain(_ id: UInt32) throws(LinuxErrno) -> MockDomain {
    guard case .mock(let domain) = try paging(id).domain.storage else { throw .EINVAL }
    return domain
  }

  /// Compares what a table leads to with the pages under the caller's memory.
  func mockCheckMap(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockCheckMapArgument.self)
    let domain = try mockDomain(argument.id)
    let pageSize = domain.pageSize
    guard (argument.iova | argument.length | argument.address) & (pageSize - 1) == 0,
      !argument.address.addingReportingOverflow(argument.length).overflow
    else { throw .EINVAL }
    var done: UInt64 = 0
    while done < argument.length {
      let address = argument.address + done
      let expected = try hostPage(address, request.call.memory) + (address & Page.mask)
      guard domain.hostAddress(of: argument.iova &+ done) == expected else { throw .EINVAL }
      done += pageSize
    }
  }

  /// The host page under an address of the caller's memory; `EFAULT` when it cannot be read.
  func hostPage(_ address: UInt64, _ memory: any CallerMemory) throws(LinuxErrno) -> UInt64 {
    let page = try memory.pin(address & ~Page.mask, pageCount: 1, writable: false)
    let extent = page.first
    return extent.address
  }

  /// Compares a word of a guest's table.
  func mockCheckIOTLB(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockCheckIOTLBArgument.self)
    guard case .nested(let table) = slot(argument.id) else { throw .ENOENT }
    guard case .mock(let nested) = table.kind, argument.entry < MockIOMMU.cacheEntryCount,
      nested.words[Int(argument.entry)] == argument.value
    else { throw .EINVAL }
  }
}
