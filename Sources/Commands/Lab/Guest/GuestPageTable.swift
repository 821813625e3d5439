import HostABI
import Hardware

/// A first-stage table as a guest builds it for a process, in its own memory: VT-d's format of four
/// levels, which is that of x86-64 (VT-d §9.7).
struct GuestPageTable {
  /// An entry that a walk meets.
  struct Entry {
    /// 4 for the top table, 1 for the one whose entries are pages.
    let level: Int
    /// Which of the table's 512 entries.
    let index: Int
    /// Where the entry stands.
    let address: GuestPhysicalAddress
    /// What it holds.
    let value: UInt64
  }

  static let levels = 4
  /// Present, writable, user.
  private static let tableBits: UInt64 = 7
  private static let addressMask: UInt64 = 0x000F_FFFF_FFFF_F000

  private let memory: GuestMemory
  /// Where the top table is.
  let root: GuestPhysicalAddress

  /// Makes an empty table.
  init(in memory: GuestMemory, _ pages: inout GuestPages) {
    self.memory = memory
    root = pages.take()
  }

  /// Which entry of a level's table an address uses.
  static func index(of address: IOVA, level: Int) -> Int {
    Int(address.rawValue >> UInt64(12 + 9 * (level - 1)) & 511)
  }

  /// The page that an entry points at.
  static func target(_ entry: UInt64) -> GuestPhysicalAddress {
    GuestPhysicalAddress(entry & addressMask)
  }

  /// Lets an address lead to a page; tables on the way are made.
  func map(
    _ address: IOVA, to page: GuestPhysicalAddress, isWritable: Bool = true,
    _ pages: inout GuestPages
  ) throws(LinuxErrno) {
    var table = root
    for level in (2...Self.levels).reversed() {
      let place = Self.place(of: address, level, in: table)
      var entry = try memory.word(place)
      if entry & 1 == 0 {
        entry = pages.take().rawValue | Self.tableBits
        try memory.store(entry, place)
      }
      table = Self.target(entry)
    }
    // Present and user, and writable or not.
    try memory.store(
      page.rawValue | (isWritable ? 7 : 5), Self.place(of: address, 1, in: table))
  }

  /// Lets an address lead nowhere; tables on the way stay.
  func unmap(_ address: IOVA) throws(LinuxErrno) {
    guard let leaf = try walk(address).last, leaf.level == 1 else { return }
    try memory.store(0, leaf.address)
  }

  /// The entries on the way of an address, from the top; it ends at one that is not present.
  func walk(_ address: IOVA) throws(LinuxErrno) -> [Entry] {
    var entries: [Entry] = []
    var table = root
    for level in (1...Self.levels).reversed() {
      let place = Self.place(of: address, level, in: table)
      let value = try memory.word(place)
      entries.append(
        Entry(
          level: level, index: Self.index(of: address, level: level), address: place, value: value))
      guard value & 1 == 1 else { break }
      table = Self.target(value)
    }
    return entries
  }

  private static func place(
    of address: IOVA, _ level: Int, in table: GuestPhysicalAddress
  ) -> GuestPhysicalAddress {
    GuestPhysicalAddress(table.rawValue + UInt64(8 * index(of: address, level: level)))
  }
}
