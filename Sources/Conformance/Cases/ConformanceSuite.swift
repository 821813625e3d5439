/// All cases, by theme.
package enum ConformanceSuite {
  /// Every case, in the order of the checklist's chapters.
  package static let cases: [ConformanceCase] =
    requestSizes + requests + objects + addressRanges + mapping + mapTable + copyAndUnmap + options
    + tables + hardwareInfo + dirtyTracking + invalidation + faults + virtualIOMMUs + pasids
    + vfioBinding
    + vfioAttaching + vfioData
}
