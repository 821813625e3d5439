import HostABI

/// The mappings of an address space, by I/O address.
///
/// It cannot be copied, so that looking something up in a class's property borrows it in place: a
/// copy would cost more than the look.
struct AreaTable: ~Copyable {
  /// The ranges; each value is an index into ``areas``.
  private var map = AreaMap<UInt32>()
  /// Mappings and free places.
  private var areas: [Area?] = []
  private var freePlaces: [UInt32] = []

  init() {}

  /// How many mappings there are.
  var count: Int { map.count }

  /// The mapping that holds an address.
  func area(at iova: UInt64) -> Area? {
    map.area(containing: iova).flatMap { areas[Int($0.value)] }
  }

  /// The lowest mapping that touches a range.
  func first(overlapping range: ClosedRange<UInt64>) -> Area? {
    map.first(overlapping: range).flatMap { areas[Int($0.value)] }
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
  struct Place { fileprivate let index: UInt32 }

  /// Adds a mapping, unless another touches its range.
  mutating func insert(_ area: Area) -> Place? {
    let place = freePlaces.last ?? UInt32(areas.count)
    guard map.insert(area.start...area.last, place) == nil else { return nil }
    if freePlaces.popLast() == nil { areas.append(area) } else { areas[Int(place)] = area }
    return Place(index: place)
  }

  /// Notes that a mapping's pages are held.
  mutating func setPin(_ pin: Pages.Pin, at place: Place) { areas[Int(place.index)]?.pin = pin }

  /// Adds a mapping where none is.
  mutating func add(_ area: Area) {
    let place: UInt32
    if let free = freePlaces.popLast() {
      place = free
      areas[Int(place)] = area
    } else {
      place = UInt32(areas.count)
      areas.append(area)
    }
    let obstacle = map.insert(area.start...area.last, place)
    precondition(obstacle == nil, "a mapping over another")
  }

  /// Takes the mapping that starts at an address.
  mutating func remove(_ start: UInt64) -> Area? {
    guard let place = map.remove(startingAt: start)?.value else { return nil }
    let area = areas[Int(place)].take()
    freePlaces.append(place)
    return area
  }

  /// Changes a mapping in place; its range must stay.
  mutating func update(_ iova: UInt64, _ body: (inout Area) -> Void) {
    guard let found = map.area(containing: iova), var area = areas[Int(found.value)].take() else {
      return
    }
    body(&area)
    areas[Int(found.value)] = area
  }

  /// Changes all mappings in place, in no order, until an error.
  mutating func updateAll(_ body: (inout Area) throws(LinuxErrno) -> Void) throws(LinuxErrno) {
    for index in areas.indices {
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
      if let area = areas[Int(found.value)] { try body(area) }
    }
  }
}
