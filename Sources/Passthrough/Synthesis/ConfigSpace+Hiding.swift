import PCIe

extension ConfigSpace {
  /// The config space without some entries of its extended list, as vfio-pci hides entries.
  ///
  /// A pointer then leads past a hidden entry; one at 0x100 leaves a placeholder that keeps its
  /// pointer. The entry's own bytes stay.
  ///
  /// - Parameters:
  ///   - hidden: Offsets of the entries.
  ///   - walk: The lists of this config space, intact.
  /// - Returns: The changed space, and the headers that changed.
  func hiding(
    _ hidden: Set<Int>, _ walk: CapabilityWalk
  ) -> (config: ConfigSpace, headers: [EmulatedRegister]) {
    var builder = ConfigSpaceBuilder(self)
    var changed: [Int] = []
    var before: Capability?
    for entry in walk.extended {
      let isHidden = hidden.contains(entry.offset)
      // The first entry cannot go: software starts there.
      guard !isHidden || entry.offset == ConfigSpace.extendedStart else { continue }
      if let before { link(before, to: entry.offset) }
      before = entry
    }
    if let before { link(before, to: 0) }
    func link(_ entry: Capability, to next: Int) {
      let isPlaceholder = hidden.contains(entry.offset)
      guard isPlaceholder || entry.next != next else { return }
      builder.putExtendedHeader(
        id: isPlaceholder ? 0 : entry.id, version: isPlaceholder ? 0 : entry.version,
        next: next, at: entry.offset)
      changed.append(entry.offset)
    }
    let config = builder.config
    return (
      config,
      changed.map { EmulatedRegister(offset: $0, width: .dword, reset: config.read32($0)) }
    )
  }
}
