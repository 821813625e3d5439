/// The way from one migration state to another, over the transitions that a device knows.
///
/// States are numbers of `enum vfio_device_mig_state`.
enum MigrationPath {
  static let stopped: UInt32 = 1
  static let running: UInt32 = 2
  static let stopCopy: UInt32 = 3
  static let resuming: UInt32 = 4
  static let preCopy: UInt32 = 6

  /// `VFIO_MIGRATION_PRE_COPY`.
  private static let hasPreCopy: UInt64 = 4

  /// The direct transitions.
  private static let arcs: [(from: UInt32, to: UInt32)] = [
    (running, stopped), (stopCopy, stopped), (resuming, stopped), (preCopy, running),
    (stopped, running), (running, preCopy), (stopped, stopCopy), (preCopy, stopCopy),
    (stopped, resuming),
  ]

  /// States in which the device's state can be read.
  static func isSaving(_ state: UInt32) -> Bool { state == stopCopy || state == preCopy }

  /// The shortest way whose states between are none that save.
  ///
  /// - Parameters:
  ///   - start: Where the device is.
  ///   - end: Where it is to go.
  ///   - flags: What it can do.
  /// - Returns: The states after `start`, ending with `end`; `nil` when there is no way.
  static func steps(from start: UInt32, to end: UInt32, flags: UInt64) -> [UInt32]? {
    // Named by the specification as not allowed, though a way round exists.
    if start == stopCopy, end == preCopy { return nil }
    if start == end { return [] }
    var ways: [[UInt32]] = [[start]]
    var seen: Set<UInt32> = [start]
    while !ways.isEmpty {
      var longer: [[UInt32]] = []
      for way in ways {
        guard let last = way.last, way.count == 1 || !isSaving(last) else { continue }
        for arc in arcs where arc.from == last && !seen.contains(arc.to) {
          if arc.to == preCopy, flags & hasPreCopy == 0 { continue }
          if arc.to == end { return Array((way + [end]).dropFirst()) }
          seen.insert(arc.to)
          longer.append(way + [arc.to])
        }
      }
      ways = longer
    }
    return nil
  }
}
