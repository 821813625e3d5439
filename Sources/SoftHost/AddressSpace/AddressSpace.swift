import HostABI

/// An I/O address space (IOAS): mappings, and the page tables that show them to devices.
final class AddressSpace: HostObject {
  let context: IOMMUContext
  /// Mappings by I/O address.
  private(set) var map = AreaTable()
  /// Addresses that devices and page tables cannot use.
  var reserved = ReservedRanges()
  /// Where automatic placement may go; nowhere in particular when empty.
  var allowed = AllowList()
  /// Page tables that show the mappings, oldest first.
  private(set) var tables: [PagingHWPT] = []
  /// Emulated devices and other users that see the mappings without a page table.
  private(set) var accesses: [AccessObject] = []
  /// Whether page tables may use large pages (`IOMMU_OPTION_HUGE_PAGES`).
  private(set) var usesHugePages = true
  /// What mappings must be multiples of, in bytes.
  private(set) var alignment: UInt64 = 1

  init(id: UInt32, context: IOMMUContext) {
    self.context = context
    super.init(id: id)
  }

  /// How many mappings there are.
  var areaCount: Int { map.count }

  func tearDown(in context: IOMMUContext) {
    if context.compatible === self { context.compatible = nil }
    _ = try? removeAll()
  }
}

// MARK: Mappings

extension AddressSpace {
  /// The mapping that holds an address.
  func area(at iova: UInt64) -> Area? { map.area(at: iova) }

  /// Changes a mapping in place.
  func update(_ iova: UInt64, _ body: (inout Area) -> Void) { map.update(iova, body) }

  /// Calls `body` with every mapping, ascending.
  func forEachArea(
    in range: ClosedRange<UInt64> = 0...(.max),
    _ body: (Area) throws(LinuxErrno) -> Void
  ) throws(LinuxErrno) { try map.forEach(in: range, body) }

  /// Puts a mapping into the list and into every page table.
  ///
  /// - Throws: In this order: `EEXIST` where one is already, `EPERM` for pages that must not be
  ///   written, `EINVAL` for bytes that are not aligned, and what pinning throws; nothing stays then.
  func insert(_ area: Area) throws(LinuxErrno) {
    guard let place = map.insert(area) else { throw .EEXIST }
    do throws(LinuxErrno) {
      if area.isWritable, !area.pages.isWritable { throw .EPERM }
      let inPage = (area.pages.pageOffset &+ area.offset) & Page.mask
      if (inPage | area.start | area.byteCount) & (alignment - 1) != 0 { throw .EINVAL }
      guard !tables.isEmpty else { return }
      try refuseReadOnly(area, in: tables)
      let pin = try area.pages.pin(from: area.offset, byteCount: area.byteCount)
      map.setPin(pin, at: place)
      var held = area
      held.pin = pin
      for table in tables { table.show(held) }
    } catch {
      _ = map.remove(area.start)
      throw error
    }
  }

  /// Takes a mapping out of the list and out of every page table.
  func remove(_ start: UInt64) {
    if let area = map.remove(start) { hide(area) }
  }

  /// Takes a mapping out of every page table, and lets its pages go.
  private func hide(_ area: Area) {
    for table in tables { table.hide(area.start, area.last) }
    area.unpin()
  }

  /// Puts mappings of the same pages in the place of one, without hiding anything from devices.
  func replace(_ area: Area, with parts: [Area]) {
    _ = map.remove(area.start)
    for var part in parts {
      // The whole is held, so a part can be.
      if area.pin != nil {
        part.pin = try? part.pages.pin(from: part.offset, byteCount: part.byteCount)
      }
      map.add(part)
    }
    area.unpin()
  }

  /// Some units cannot have pages that only devices' reads reach under a nesting parent.
  func refuseReadOnly(_ area: Area, in tables: [PagingHWPT]) throws(LinuxErrno) {
    if !area.isWritable, tables.contains(where: \.refusesReadOnly) { throw .EINVAL }
  }

  /// Removes every mapping, lowest first, and tells how many bytes that were.
  func removeAll() throws(LinuxErrno) -> UInt64 {
    try remove(0...(.max))
  }

  /// Removes the mappings of a range, lowest first, and tells how many bytes that were.
  ///
  /// - Throws: `EBUSY` for a mapping that a hardware queue holds, `ENOENT` for one that is only partly
  ///   inside; what was removed stays removed.
  func remove(_ range: ClosedRange<UInt64>) throws(LinuxErrno) -> UInt64 {
    var removed: UInt64 = 0
    if let area = removeExactly(range) { return area.byteCount }
    while let area = map.first(overlapping: range) {
      guard area.queues == 0 else { throw .EBUSY }
      guard area.start >= range.lowerBound, area.last <= range.upperBound else { throw .ENOENT }
      try askUsersToLetGo(of: area)
      remove(area.start)
      removed &+= area.byteCount
    }
    return removed
  }

  /// Takes a mapping that is the whole range and that nobody holds: the usual case, in one search.
  private func removeExactly(_ range: ClosedRange<UInt64>) -> Area? {
    guard let area = map.remove(range.lowerBound) else { return nil }
    guard area.last == range.upperBound, area.queues == 0, area.holds == 0 else {
      map.add(area)
      return nil
    }
    hide(area)
    return area
  }

  /// Users without a page table must stop before pages go.
  private func askUsersToLetGo(of area: Area) throws(LinuxErrno) {
    guard area.holds > 0 else { return }
    for access in accesses { access.letGo(of: area.start...area.last) }
    // Linux asks a hundred times; a user that answers at once is asked once.
    if let now = self.area(at: area.start), now.holds > 0 { throw .EDEADLOCK }
  }
}

// MARK: Who shows the mappings

extension AddressSpace {
  /// Adds a page table: reserves what it cannot translate, and shows it all mappings.
  ///
  /// - Throws: `EINVAL` for pages that are too large, `EADDRINUSE` where mappings or the list of
  ///   allowed ranges are in the way, and what pinning throws. Nothing changes then.
  func add(_ table: PagingHWPT) throws(LinuxErrno) {
    let new = max(alignment, table.pageSize)
    guard new <= Page.size else { throw .EINVAL }
    try checkFit(new)
    for range in table.unusable { try reserve(range, for: .table(table.id)) }
    do {
      try forEachArea { area throws(LinuxErrno) in try refuseReadOnly(area, in: [table]) }
      if tables.isEmpty { try pinAll() }
    } catch {
      reserved.removeAll(of: Reservation.table(table.id).key)
      throw error
    }
    tables.append(table)
    computeAlignment()
    try forEachArea { area in table.show(area) }
  }

  /// Removes a page table, and pins nothing when it was the last.
  func remove(_ table: PagingHWPT) {
    tables.removeAll { $0 === table }
    reserved.removeAll(of: Reservation.table(table.id).key)
    computeAlignment()
    if tables.isEmpty { unpinAll() }
  }

  /// Adds a user without page table.
  func add(_ access: AccessObject) throws(LinuxErrno) {
    let new = max(alignment, access.pageSize)
    try checkFit(new)
    accesses.append(access)
    computeAlignment()
  }

  /// Removes a user without page table.
  func remove(_ access: AccessObject) {
    accesses.removeAll { $0 === access }
    computeAlignment()
  }

  /// Keeps addresses from being used.
  ///
  /// - Throws: `EADDRINUSE` when a mapping or an allowed range is there; all that a device or page
  ///   table had reserved goes then.
  func reserve(_ range: ClosedRange<UInt64>, for owner: Reservation) throws(LinuxErrno) {
    if map.overlaps(range) || allowed.overlaps(range) {
      if owner.key != Reservation.forever.key { reserved.removeAll(of: owner.key) }
      throw .EADDRINUSE
    }
    reserved.add(range, owner: owner.key)
  }

  /// Lets all addresses be used that an owner had reserved.
  func unreserve(_ owner: Reservation) { reserved.removeAll(of: owner.key) }

  /// Turns large pages on or off (`IOMMU_OPTION_HUGE_PAGES`).
  func setHugePages(_ value: UInt64) throws(LinuxErrno) {
    switch value {
    case 0:
      if !usesHugePages { return }
      if !tables.isEmpty && areaCount > 0 { throw .EINVAL }
      try checkFit(max(alignment, Page.size))
      usesHugePages = false
    case 1: usesHugePages = true
    default: throw .EINVAL
    }
    computeAlignment()
  }

  private func checkFit(_ new: UInt64) throws(LinuxErrno) {
    guard new > alignment else { return }
    try forEachArea { area throws(LinuxErrno) in
      let offset = area.pages.pageOffset + area.offset
      if (area.start | area.byteCount | (offset & Page.mask)) & (new - 1) != 0 {
        throw .EADDRINUSE
      }
    }
  }

  private func computeAlignment() {
    var value: UInt64 = usesHugePages ? 1 : Page.size
    for table in tables { value = max(value, table.pageSize) }
    for access in accesses { value = max(value, access.pageSize) }
    alignment = value
  }

  private func pinAll() throws(LinuxErrno) {
    do {
      try map.updateAll { area throws(LinuxErrno) in
        guard area.pin == nil else { return }
        area.pin = try area.pages.pin(from: area.offset, byteCount: area.byteCount)
      }
    } catch {
      unpinAll()
      throw error
    }
  }

  private func unpinAll() {
    try? map.updateAll { area in
      guard area.pin != nil else { return }
      area.unpin()
      area.pin = nil
    }
  }
}

/// Who reserves I/O addresses.
enum Reservation {
  /// A device that is attached, by its object's number.
  case device(UInt32)
  /// A page table whose aperture ends, by its object's number.
  case table(UInt32)
  /// Nobody: the addresses stay reserved while the address space lives.
  case forever

  /// The owner's key in the set of reserved ranges.
  var key: UInt64 {
    switch self {
    case .device(let id): UInt64(id) << 1
    case .table(let id): UInt64(id) << 1 | 1
    // Object 0 is never one.
    case .forever: 0
    }
  }
}
