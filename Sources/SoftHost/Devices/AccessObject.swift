import HostABI

/// A user of an address space that needs no page table: an emulated device, or the kernel itself.
final class AccessObject: HostObject {
  /// What mappings must be multiples of while it is attached, in bytes.
  let pageSize: UInt64
  private(set) var ioas: AddressSpace?
  /// Who is told that mappings are about to go.
  var onLetGo: ((ClosedRange<UInt64>) -> Void)?

  init(id: UInt32, pageSize: UInt64) {
    self.pageSize = pageSize
    super.init(id: id)
  }

  /// Attaches to an address space, leaving the one before.
  func attach(to new: AddressSpace) throws(LinuxErrno) {
    if ioas === new { return }
    try new.add(self)
    new.uses += 1
    detach()
    ioas = new
  }

  /// Leaves the address space.
  func detach() {
    guard let old = ioas else { return }
    onLetGo?(0...(.max))
    old.remove(self)
    old.uses -= 1
    ioas = nil
  }

  /// Must stop to use mappings of a range.
  func letGo(of range: ClosedRange<UInt64>) { onLetGo?(range) }
}
