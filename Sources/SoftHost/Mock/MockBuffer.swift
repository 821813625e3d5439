import HostABI
import HostSystem

/// A dma-buf of the mock-device requests: memory that one range of host addresses holds.
///
/// It can be mapped into address spaces by its descriptor. Mapping it into a program's memory, and
/// everything else that dma-bufs can do, is not there in Linux's mock either.
final class MockBuffer {
  let memory: AnonymousMemory
  /// Whether new mappings are refused.
  var isRevoked = false
  /// The most bytes that a buffer has.
  static let limit = 512 * Page.size

  /// Makes a buffer of whole pages; `EINVAL` for none or too many.
  init(byteCount: UInt32) throws(LinuxErrno) {
    let whole = (UInt64(byteCount) + Page.mask) & ~Page.mask
    guard whole > 0, whole <= Self.limit else { throw .EINVAL }
    guard let memory = try? AnonymousMemory(byteCount: Int(whole)) else { throw .ENOMEM }
    self.memory = memory
  }

  var byteCount: UInt64 { UInt64(memory.byteCount) }

  /// Pages for a mapping of the buffer.
  ///
  /// - Throws: `EINVAL` beyond the end, `ENODEV` for a revoked buffer.
  func pages(
    from start: UInt64, byteCount count: UInt64, isWritable: Bool
  ) throws(LinuxErrno) -> Pages {
    guard start < byteCount, count <= byteCount - start else { throw .EINVAL }
    if isRevoked { throw .ENODEV }
    return Pages(
      .buffer(memory, start & ~Page.mask), pageOffset: start & Page.mask, byteCount: count,
      isWritable: isWritable, charged: nil)
  }
}

extension HostState {
  /// Takes a buffer from all devices: mappings stay in their address spaces and lead nowhere, also
  /// after the buffer is restored.
  func revoke(_ buffer: MockBuffer) {
    for context in contexts {
      for case .ioas(let space) in context.slots {
        // Nothing in here throws.
        try? space.forEachArea { area in
          guard case .buffer(let memory, _) = area.pages.source, memory === buffer.memory else {
            return
          }
          for table in space.tables { table.hide(area.start, area.last) }
          area.pages.isRevoked = true
        }
      }
    }
  }
}

extension IOMMUContext {
  /// Makes a buffer; its descriptor is the request's answer.
  func mockMakeBuffer(_ request: MockCall) throws(LinuxErrno) -> Int32 {
    let argument = request.argument(MockBufferArgument.self)
    let buffer = try MockBuffer(byteCount: argument.length)
    return try request.call.caller.add(OpenFile(.buffer(buffer)))
  }

  /// Revokes a buffer, or lets it be mapped again; what was mapped leads nowhere from then on.
  func mockRevokeBuffer(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockRevokeArgument.self)
    guard case .buffer(let buffer) = try request.call.caller.file(argument.descriptor).kind else {
      throw .EINVAL
    }
    buffer.isRevoked = argument.revoked != 0
    host.revoke(buffer)
  }
}
