import Hardware

extension ConfigSpace {
  /// The config space as vfio-pci shows it to a VMM.
  ///
  /// Linux takes capabilities out of both lists that it does not know the length of, or that it
  /// does not want a VMM to touch (``CapabilityKind/shownByVFIO``). A pointer then leads past such a
  /// capability; one at 0x100 leaves a placeholder that keeps its pointer. The capability's own
  /// bytes stay readable. What vfio-pci does besides, such as giving a virtual function its
  /// identity, does not concern the lists.
  ///
  /// - Parameter walk: The lists of this config space.
  /// - Returns: The view; the same bytes when the lists cannot be trusted.
  public func shownByVFIO(_ walk: CapabilityWalk) -> ConfigSpace {
    guard walk.isIntact else { return self }
    var builder = ConfigSpaceBuilder(self)
    let legacy = walk.legacy.filter { $0.kind?.shownByVFIO ?? false }
    var pointer = headerType == 2 ? 0x14 : 0x34
    if !walk.legacy.isEmpty {
      for entry in legacy {
        builder.put8(UInt8(entry.offset), at: pointer)
        pointer = entry.offset + 1
      }
      builder.put8(0, at: pointer)
    }
    let shown = walk.extended.filter { $0.kind?.shownByVFIO ?? false || $0.isPlaceholder }
    guard let head = walk.extended.first else { return builder.config }
    let rest = shown.first?.offset == head.offset ? shown : [head] + shown
    for (index, entry) in rest.enumerated() {
      let isHidden = index == 0 && shown.first?.offset != head.offset
      builder.putExtendedHeader(
        id: isHidden ? 0 : entry.id, version: isHidden ? 0 : entry.version,
        next: index + 1 < rest.count ? rest[index + 1].offset : 0, at: entry.offset)
    }
    return builder.config
  }
}
