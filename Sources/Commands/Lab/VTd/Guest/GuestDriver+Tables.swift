import Hardware
import VirtualIOMMU

/// Root, context and PASID tables, and what follows a change of them (VT-d §6.5.3.3).
extension GuestDriver {
  /// Gives a device a context entry that allows some things, with a directory for all PASIDs that the
  /// unit takes, and lets its requests without a PASID pass through.
  func attach(_ source: UInt16, _ flags: ContextFlags) throws -> GuestDevice {
    let half = GuestPhysicalAddress(
      root.rawValue + UInt64(source >> 8) * 16 + UInt64(source >> 7 & 1) * 8)
    let table = try self.table(at: half)
    let entry = GuestPhysicalAddress(table.rawValue + UInt64(source & 0x7F) * 32)
    // A directory entry leads to 64 PASIDs; there are at least 2^7 directory entries.
    let order = UInt64(max(7, pasidBits - 6))
    let directory = pages.take(max(1, (8 << order) / GuestMemory.pageSize))
    // RID_PASID is 0, as in Linux; the word with the present bit comes last.
    try memory.store(0, GuestPhysicalAddress(entry.rawValue + 8))
    try memory.store(directory.rawValue | (order - 7) << 9 | flags.rawValue | 1, entry)
    let device = GuestDevice(
      source: source, rootEntry: half, contextTable: table, contextEntry: entry,
      directory: directory)
    try submit([.context(source), .allPASIDs, .allTranslations])

    // Four levels is what the unused width of a second stage has to say.
    try write([1 | 4 << 6 | 2 << 2, Self.domain, 0], for: 0, of: device)
    try submit([.pasidCache(0), .pasidTranslations(0)])
    return device
  }

  /// Gives a PASID a process's table, or another table in the place of the one it has; the unit is
  /// told, as its caching mode demands, unless that is forgotten.
  func set(
    _ table: GuestPageTable, for pasid: PASID, of device: GuestDevice, telling: Bool = true
  ) throws {
    try write(
      [1 | 1 << 6, Self.domain | 1 << 23, table.root.rawValue], for: pasid.rawValue, of: device)
    if telling { try tell(of: pasid, of: device) }
  }

  /// Tells the unit that a PASID's entry has changed.
  func tell(of pasid: PASID, of device: GuestDevice) throws {
    try submit([
      .pasidCache(pasid.rawValue), .pasidTranslations(pasid.rawValue),
      .deviceTLB(device.source, pasid.rawValue),
    ])
  }

  /// Takes a PASID's table away, and drains its page requests.
  func clear(_ pasid: PASID, of device: GuestDevice) throws {
    let place = try self.place(of: pasid.rawValue, of: device)
    try memory.store(0, place)
    try tell(of: pasid, of: device)
    try submit([], draining: true)
  }

  /// Tells the unit that a page of a PASID is mapped no more, or otherwise.
  func unmapped(_ address: IOVA, _ pasid: PASID, of device: GuestDevice) throws {
    try submit([
      .page(address, pasid.rawValue),
      .deviceTLB(device.source, pasid.rawValue, page: address),
    ])
  }

  /// Writes the first three words of a PASID's entry, the one with the present bit last.
  func write(_ words: [UInt64], for pasid: UInt32, of device: GuestDevice) throws {
    let place = try self.place(of: pasid, of: device)
    for index in words.indices.reversed() {
      try memory.store(
        words[index], GuestPhysicalAddress(place.rawValue + UInt64(8 * index)))
    }
  }

  /// Where a PASID's entry is; its table is made if need be.
  func place(of pasid: UInt32, of device: GuestDevice) throws -> GuestPhysicalAddress {
    let table = try self.table(at: device.directoryEntry(of: pasid))
    return GuestPhysicalAddress(table.rawValue + UInt64(pasid & 63) * 64)
  }

  /// The table that an entry leads to, made if there is none.
  private func table(at entry: GuestPhysicalAddress) throws -> GuestPhysicalAddress {
    let value = try memory.word(entry)
    guard value & 1 == 0 else { return GuestPhysicalAddress(value & ~0xFFF) }
    let table = pages.take()
    try memory.store(table.rawValue | 1, entry)
    return table
  }
}

/// What a context entry allows a device.
struct ContextFlags: OptionSet {
  let rawValue: UInt64
  /// DTE: translation requests, which is ATS.
  static let deviceTLB = Self(rawValue: 1 << 2)
  /// PASIDE: requests with a PASID.
  static let pasids = Self(rawValue: 1 << 3)
  /// PRE: page requests.
  static let pageRequests = Self(rawValue: 1 << 4)
}

/// Where the guest's tables have a device.
struct GuestDevice {
  /// The device's requester ID.
  let source: UInt16
  /// Its half of the root entry.
  let rootEntry: GuestPhysicalAddress
  let contextTable: GuestPhysicalAddress
  let contextEntry: GuestPhysicalAddress
  let directory: GuestPhysicalAddress

  func directoryEntry(of pasid: UInt32) -> GuestPhysicalAddress {
    GuestPhysicalAddress(directory.rawValue + UInt64(pasid >> 6) * 8)
  }
}
