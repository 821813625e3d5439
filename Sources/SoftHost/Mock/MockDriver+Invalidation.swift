import HostABI

/// Invalidations only clear words, so that a test sees which of them arrived.
extension MockDriver {
  func invalidate(
    _ table: NestedHWPT, _ array: EntryArray, done: inout UInt32
  ) throws(LinuxErrno) {
    guard array.type == MockType.invalidation, case .mock(let nested) = table.kind else {
      throw .EINVAL
    }
    while done < array.count {
      let entry = try array.exactly(MockInvalidation.self, done)
      try Self.check(entry.flags, entry.entry)
      Self.clear(&nested.words, entry.flags, entry.entry)
      done += 1
    }
  }

  func invalidate(
    _ viommu: VirtualIOMMU, _ array: EntryArray, done: inout UInt32
  ) throws(LinuxErrno) {
    guard array.type == MockType.viommuInvalidation else { throw .EINVAL }
    // All entries are read before the first is looked at.
    var entries: [MockVIOMMUInvalidation] = []
    entries.reserveCapacity(Int(array.count))
    for index in 0..<array.count {
      entries.append(try array.adapted(MockVIOMMUInvalidation.self, index))
    }
    for entry in entries {
      try Self.check(entry.flags, entry.entry)
      guard let device = viommu.devices[UInt64(entry.virtualID)]?.device,
        let state = self.device(device)
      else { throw .EINVAL }
      Self.clear(&state.cache, entry.flags, entry.entry)
      done += 1
    }
  }

  private static func check(_ flags: UInt32, _ entry: UInt32) throws(LinuxErrno) {
    guard flags & ~MockBits.invalidateAll == 0 else { throw .EOPNOTSUPP }
    // The number is checked even where all entries are meant.
    guard entry < MockIOMMU.cacheEntryCount else { throw .EINVAL }
  }

  private static func clear(_ words: inout [UInt32], _ flags: UInt32, _ entry: UInt32) {
    if flags & MockBits.invalidateAll != 0 {
      for index in words.indices { words[index] = 0 }
    } else {
      words[Int(entry)] = 0
    }
  }
}
