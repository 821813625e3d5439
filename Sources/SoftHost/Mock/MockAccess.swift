import HostABI

/// An open access of the mock-device requests: it uses an address space as an emulated device does.
final class MockAccess {
  let context: IOMMUContext
  let access: AccessObject
  /// Whether it holds pages; otherwise it only copies.
  let pins: Bool
  private var items: [(id: UInt32, held: HeldPages)] = []
  /// The next pin's number; numbers are not used again.
  private var nextID: UInt32 = 0

  init(_ context: IOMMUContext, _ access: AccessObject, pins: Bool) {
    self.context = context
    self.access = access
    self.pins = pins
    access.onLetGo = { [weak self] range in self?.letGo(of: range) }
  }

  /// Notes held pages, and gives their number.
  func add(_ held: HeldPages) -> UInt32 {
    defer { nextID &+= 1 }
    items.append((nextID, held))
    return nextID
  }

  /// Lets the pages of a number go; `ENOENT` when there are none.
  func release(_ id: UInt32) throws(LinuxErrno) {
    guard let index = items.firstIndex(where: { $0.id == id }) else { throw .ENOENT }
    let held = items.remove(at: index).held
    held.space.release(held)
  }

  /// Lets go of what is about to be unmapped.
  private func letGo(of range: ClosedRange<UInt64>) {
    items.removeAll { _, held in
      guard held.range.overlaps(range) else { return false }
      held.space.release(held)
      return true
    }
  }

  /// The last descriptor went.
  func close() {
    letGo(of: 0...(.max))
    access.detach()
    context.remove(access.id)
  }
}
