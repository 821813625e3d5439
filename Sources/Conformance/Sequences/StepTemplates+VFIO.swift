import HostABI

extension StepTemplates {
  /// Requests of VFIO devices.
  static let vfio: [StepTemplate] = [
    StepTemplate(
      "open", .open, [StepField("device", 0, 4, .oneOf([0, 1, 2]))],
      results: [.descriptor(0, .vfio)], weight: 6),
    StepTemplate(
      "bind", .device(0x3B76, size: 24),
      [
        StepField("file", 0, 4, .descriptor(.vfio)), StepField("flags", 4, 4, .reserved),
        StepField("context", 8, 4, .oneOf([])),
      ], results: [.id(12, .device)], weight: 10),
    StepTemplate(
      "attachdevice", .device(0x3B77, size: 16),
      [
        StepField("file", 0, 4, .descriptor(.vfio)), StepField("flags", 4, 4, .flags(1)),
        StepField("table", 8, 4, .table), StepField("pasid", 12, 4, .pasid),
      ], weight: 16),
    StepTemplate(
      "detachdevice", .device(0x3B78, size: 12),
      [
        StepField("file", 0, 4, .descriptor(.vfio)), StepField("flags", 4, 4, .flags(1)),
        StepField("pasid", 8, 4, .pasid),
      ], weight: 8),
    StepTemplate(
      "plainhwpt", .request(0x3B89, size: 48),
      [
        StepField("flags", 4, 4, .flags(15)), StepField("device", 8, 4, .object(.device)),
        StepField("parent", 12, 4, .parent), StepField("reserved", 20, 4, .reserved),
        StepField("fault", 40, 4, .object(.fault)),
      ], results: [.id(16, .hwpt)], weight: 14),
    StepTemplate(
      "closedevice", .close, [StepField("file", 0, 4, .descriptor(.vfio))], weight: 3),
  ]

  /// Every kind, by name.
  static let byName: [String: StepTemplate] = Dictionary(
    uniqueKeysWithValues: (core + mock + vfio).map { ($0.name, $0) })
}
