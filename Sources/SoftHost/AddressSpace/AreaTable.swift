import HostABI

/// The mappings of an address space, by I/O address.
///
/// It cannot be copied, so that looking something up in a class's property borrows it in place: a
/// copy would cost more than the look.
struct AreaTable: ~Copyable {
  /// The ranges.
  private var map = AreaMap<Nothing>()
  /// Mappings by their place in ``map``.
  private var areas: [Area?] = []

  /// The map's places say all.
  private struct Nothing: BitwiseCopyable {}

  init() {}

  /// How many mappings there are.
  var count: Int { map.count }

  /// The mapping that holds an address.
  func area(at iova: UInt64) -> Area? {
    map.area(containing: iova).flatMap { areas[$0.place] }
  }

  /// The lowest mapping that touches a range.
  func first(overlapping range: ClosedRange<UInt64>) -> Area? {
    map.first(overlapping: range).flatMap { areas[$0.place] }
  }

  /// Whether a mapping touches a range.
  func overlaps(_ range: ClosedRange<UInt64>) -> Bool { map.first(overlapping: range) != nil }

  /// The kernel's automatic placement.
  func firstFit(
    _ wanted: AutomaticPlacement, allowed: borrowing AllowList,
    avoiding reserved: borrowing ReservedRanges
  ) -> UInt64? {
    map.firstFit(wanted, allowed: copy allowed, avoiding: copy reserved)
  }

  /// Where a mapping is kept, for as long as it is in the table.
  struct Place { fileprivate let index: Int }

  /// Adds a mapping, unless another touches its range.
  mutating func insert(_ area: Area) -> Place? {
    let place = map.nextPlace
    guard map.insert(area.start...area.last, Nothing()) == nil else { return nil }
    if place == areas.count { areas.append(area) } else { areas[place] = area }
    return Place(index: place)
  }

  /// Notes that a mapping's pages are held.
  mutating func setPin(_ pin: Pages.Pin, at place: Place) { areas[place.index]?.pin = pin }

  /// Adds a mapping where none is.
  mutating func add(_ area: Area) {
    let place = insert(area)
    precondition(place != nil, "a mapping over another")
  }

  /// Takes the mapping that starts at an address.
  mutating func remove(_ start: UInt64) -> Area? {
    guard let place = map.remove(startingAt: start)?.place else { return nil }
    return areas[place].take()
  }

  /// Changes a mapping in place; its range must stay.
  mutating func update(_ iova: UInt64, _ body: (inout Area) -> Void) {
    guard let place = map.area(containing: iova)?.place, var area = areas[place].take() else {
      return
    }
    body(&area)
    areas[place] = area
  }

  /// Changes all mappings in place, ascending, until an error.
  mutating func updateAll(_ body: (inout Area) throws(LinuxErrno) -> Void) throws(LinuxErrno) {
    for found in map.areas(in: 0...(.max)) {
      let index = found.place
      guard var area = areas[index].take() else { continue }
      defer { areas[index] = area }
      try body(&area)
    }
  }

  /// Calls `body` with each mapping that touches a range, ascending.
  func forEach(
    in range: ClosedRange<UInt64>, _ body: (Area) throws(LinuxErrno) -> Void
  ) throws(LinuxErrno) {
    for found in map.areas(in: range) {
      if let area = areas[found.place] { try body(area) }
    }
  }
}
