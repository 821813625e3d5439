import HostABI
import Hardware
import IOMMUClient

/// A process of the simulated guest that shares its addresses with the device.
final class GuestProcess {
  /// The same in every process: what differs is where it leads.
  static let text = IOVA(0x5A3C_1E2D_4240)
  /// The page behind it, which the process may only read.
  static let readOnly = IOVA(0x5A3C_1E2D_5000)
  /// A page that the guest maps when the device asks for it.
  static let onDemand = IOVA(0x5A3C_1E2D_6000)
  /// A page that the guest points at memory it does not have.
  static let foreign = IOVA(0x5A3C_1E2D_7000)
  /// A page that there never is.
  static let hole = IOVA(0x5A3C_1E2D_8000)

  let pasid: PASID
  let table: GuestPageTable
  /// The guest page that ``text`` leads to.
  var page: GuestPhysicalAddress
  /// What the host made of the table.
  var hwpt: NestedTable?

  /// Makes a process with what the steps need: a page of its own, one that it may only read, and one
  /// that it points at memory the guest does not have.
  init(_ pasid: PASID, in memory: GuestMemory, _ pages: inout GuestPages) throws(LinuxErrno) {
    self.pasid = pasid
    table = GuestPageTable(in: memory, &pages)
    page = pages.take()
    try table.map(Self.text, to: page, &pages)
    try table.map(Self.readOnly, to: pages.take(), isWritable: false, &pages)
    try table.map(Self.foreign, to: GuestPhysicalAddress(memory.last.rawValue + 1), &pages)
  }

  /// Where ``text`` stands in guest memory.
  var textPlace: GuestPhysicalAddress {
    GuestPhysicalAddress(page.rawValue | Self.text.rawValue & 0xFFF)
  }
}

/// An owner of a nested table that can stand in a process.
final class NestedTable {
  let hwpt: HardwarePageTable

  init(_ hwpt: consuming HardwarePageTable) { self.hwpt = hwpt }

  var id: UInt32 { hwpt.id }
}
