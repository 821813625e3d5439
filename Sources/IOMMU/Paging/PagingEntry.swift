import Hardware

/// An entry of a paging domain's table, laid out like a VT-d second-stage entry (§9.8).
///
/// What a table entry of an inner level does not need for rights, it counts its table's used entries
/// in; a bit of its own tells it from a large leaf, where VT-d has PS. A leaf's bits 61:52 are the
/// space of its page. A large leaf's page need not be aligned to its size on the host's side: its
/// address is added to, bits are not put together.
struct PagingEntry: BitRegister {
  var rawValue: UInt64

  static let addressMask: UInt64 = 0x000F_FFFF_FFFF_F000
  static let read: UInt64 = 1 << 0
  static let write: UInt64 = 1 << 1
  static let accessed: UInt64 = 1 << 8
  static let dirty: UInt64 = 1 << 9
  /// It leads to a table.
  ///
  /// Neither a leaf of any size nor an empty entry has this bit, so walks tell both by one test.
  static let inner: UInt64 = 1 << 63

  init(rawValue: UInt64) { self.rawValue = rawValue }

  /// A leaf.
  init(page: HostAddress, allowing access: DMAAccess) {
    rawValue = page.rawValue & TranslationWord.hostMask | UInt64(access.rawValue & 3)
  }

  /// An inner entry.
  init(table: UInt64, used: Int) {
    rawValue = table & Self.addressMask | Self.inner | 3
    self[52...61] = UInt64(used)
  }

  /// Whether an entry above the last level is a leaf.
  var isLarge: Bool { rawValue != 0 && rawValue & Self.inner == 0 }
  /// The table an inner entry leads to.
  var table: UInt64 { rawValue & Self.addressMask }
  /// How many entries are used in the table an inner entry leads to.
  var used: Int { Int(self[52...61]) }
}
