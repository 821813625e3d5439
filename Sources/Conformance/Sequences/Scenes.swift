/// Beginnings of sequences that make what later steps need; random steps follow.
enum Scenes {
  /// A beginning, and the kinds of steps that go with it.
  struct Scene: Sendable {
    let steps: [Step]
    let focus: Set<String>
  }

  /// The beginnings of a flavour.
  static func scenes(_ flavour: SequenceGenerator.Flavour) -> [Scene] {
    switch flavour {
    case .addressSpaces: parsed[0]
    case .mock: parsed[1]
    case .vfio: parsed[2]
    }
  }

  /// Parsed once, because every sequence begins with one.
  private static let parsed: [[Scene]] = [addressSpaces, mock, vfio].map { texts in
    texts.map { text, focus in
      do {
        return Scene(
          steps: try SequenceText.steps(text),
          focus: Set(focus.split(separator: " ").map(String.init)))
      } catch {
        preconditionFailure("a scene cannot be read: \(error)")
      }
    }
  }

  private static let addressSpaces: [(String, String)] = [
    ("%1 ioas", "copy unmap allow"),
    (
      """
      %1 ioas
      %2 ioas
      %3 map flags=6 ioas=%1 va=@0 length=0x3000
      """, "map copy unmap mapfile"
    ),
  ]

  private static let mock: [(String, String)] = [
    // A device on an automatic table.
    (
      """
      %1 ioas
      %2 device table=%1 flags=4
      """, "map unmap translates option reserve allow"
    ),
    // PASIDs.
    (
      """
      %1 ioas
      %2 device table=%1 flags=4
      %3 hwpt flags=8 device=%2.1 parent=%1
      %4 hwpt flags=8 device=%2.1 parent=%1
      %5 replace holder=%2 table=%3
      %6 attach holder=%2 pasid=1 table=%4
      """, "attach move detach ison replace hwpt"
    ),
    // Nesting.
    (
      """
      %1 ioas
      %2 device table=%1 flags=4
      %3 hwpt flags=9 device=%2.1 parent=%1
      %4 hwptdata flags=8 device=%2.1 parent=%3 type=0xdead bytes=8 iotlb=7
      %5 replace holder=%2 table=%4
      """, "invalidate iotlb hwptdata replace attach"
    ),
    // A vIOMMU with a device on it, and its events.
    (
      """
      %1 ioas
      %2 device table=%1 flags=4
      %3 hwpt flags=1 device=%2.1 parent=%1
      %4 viommu type=0xdeadbeef device=%2.1 hwpt=%3 bytes=24 input=1
      %5 vdevice viommu=%4 device=%2.1 virtual=1
      %6 hwptdata flags=8 device=%2.1 parent=%4 type=0xdead bytes=8 iotlb=7
      %7 replace holder=%2 table=%6
      %8 events viommu=%4 type=0xbeefbeef depth=2
      %9 map flags=7 ioas=%1 va=@0 length=0x1000 iova=0x1000000
      """, "event readevents events vdevice invalidatecache cache hwqueue pollevents"
    ),
    // Written pages.
    (
      """
      %1 ioas
      %2 option option=1 object=%1
      %3 device table=%1 flags=4
      %4 hwpt flags=10 device=%3.1 parent=%1
      %5 map flags=7 ioas=%1 va=@0 length=0x8000 iova=0x1000000
      %6 dirty flags=1 hwpt=%4
      """, "markdirty bitmap dirty map unmap"
    ),
    // Faults.
    (
      """
      %1 ioas
      %2 device table=%1 flags=4
      %3 faults
      %4 hwpt flags=12 device=%2.1 parent=%1 fault=%3
      %5 replace holder=%2 table=%4
      %6 attach holder=%2 pasid=2 table=%4
      %7 fault device=%2.1 pasid=2 group=1 access=1
      """, "fault read answer replace detach poll attach close"
    ),
    // Emulated users.
    (
      """
      %1 ioas
      %2 device table=%1 flags=4
      %3 access ioas=%1 flags=1
      %4 map flags=7 ioas=%1 va=@0x2000 length=0x4000 iova=0x1000000
      """, "get put pin unpin moveaccess unmap map copy"
    ),
    // Two devices that share tables.
    (
      """
      %1 ioas
      %2 device table=%1 flags=4
      %3 device table=%1 flags=5
      %4 hwpt flags=8 device=%2.1 parent=%1
      %5 replace holder=%3 table=%4
      """, "replace device attach destroy"
    ),
  ]

  private static let vfio: [(String, String)] = [
    (
      """
      %1 ioas
      %2 open device=0
      %3 bind file=%2 context=%0.2
      """, "plainhwpt attachdevice detachdevice map"
    ),
    (
      """
      %1 ioas
      %2 open device=0
      %3 bind file=%2 context=%0.2
      %4 plainhwpt flags=8 device=%3 parent=%1
      %5 attachdevice file=%2 table=%4
      %6 attachdevice file=%2 flags=1 table=%4 pasid=1
      """, "attachdevice detachdevice plainhwpt"
    ),
    (
      """
      %1 ioas
      %2 open device=0
      %3 open device=1
      %4 bind file=%2 context=%0.2
      %5 bind file=%3 context=%0.2
      %6 attachdevice file=%2 table=%1
      """, "attachdevice detachdevice closedevice open bind ranges"
    ),
  ]
}
