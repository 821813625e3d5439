import HostABI

/// The kinds of steps that sequences are made of.
enum StepTemplates {
  private static let mapFlags = Role.flags(7)

  private static func words(_ names: [(String, Role)], width: Int) -> [StepField] {
    names.enumerated().map { StepField($1.0, $0 * width, width, $1.1) }
  }

  /// Requests of an iommufd context.
  static let core: [StepTemplate] = [
    StepTemplate(
      "ioas", .request(0x3B81, size: 12), [StepField("flags", 4, 4, .reserved)],
      results: [.id(8, .ioas)], weight: 5),
    StepTemplate(
      "destroy", .request(0x3B80, size: 8), [StepField("id", 4, 4, .anyObject)], weight: 6),
    StepTemplate(
      "map", .request(0x3B85, size: 40),
      [
        StepField("flags", 4, 4, mapFlags), StepField("ioas", 8, 4, .object(.ioas)),
        StepField("reserved", 12, 4, .reserved), StepField("va", 16, 8, .memory),
        StepField("length", 24, 8, .length), StepField("iova", 32, 8, .iova),
      ], results: [.number(32)], weight: 22),
    StepTemplate(
      "mapfile", .request(0x3B8F, size: 40),
      [
        StepField("flags", 4, 4, mapFlags), StepField("ioas", 8, 4, .object(.ioas)),
        StepField("file", 12, 4, .descriptor(.file)),
        StepField("start", 16, 8, .oneOf([0, 0x1000, 0x2000, 0x800, 0x234, 0x10000, .max])),
        StepField("length", 24, 8, .length), StepField("iova", 32, 8, .iova),
      ], results: [.number(32)], weight: 4),
    StepTemplate(
      "copy", .request(0x3B83, size: 40),
      [
        StepField("flags", 4, 4, mapFlags), StepField("to", 8, 4, .object(.ioas)),
        StepField("from", 12, 4, .object(.ioas)), StepField("length", 16, 8, .length),
        StepField("iova", 24, 8, .iova), StepField("source", 32, 8, .iova),
      ], results: [.number(24)], weight: 9),
    StepTemplate(
      "unmap", .request(0x3B86, size: 24),
      [
        StepField("ioas", 4, 4, .object(.ioas)), StepField("iova", 8, 8, .iova),
        StepField("length", 16, 8, .length),
      ], weight: 10),
    StepTemplate(
      "ranges", .request(0x3B84, size: 32),
      [
        StepField("ioas", 4, 4, .object(.ioas)),
        StepField("count", 8, 4, .oneOf([8, 8, 8, 8, 0, 1, 2])),
        StepField("reserved", 12, 4, .reserved),
      ], data: StepData(offset: 16, words: [], compared: 128), weight: 6),
    StepTemplate(
      "allow", .request(0x3B82, size: 24),
      [
        StepField("ioas", 4, 4, .object(.ioas)), StepField("count", 8, 4, .oneOf([1, 2, 2, 0])),
        StepField("reserved", 12, 4, .reserved),
      ],
      data: StepData(
        offset: 16,
        words: words([("s0", .iova), ("l0", .iova), ("s1", .iova), ("l1", .iova)], width: 8),
        compared: 0), weight: 4),
    StepTemplate(
      "option", .request(0x3B87, size: 24),
      [
        StepField("option", 4, 4, .oneOf([1, 1, 1, 1, 0, 2])),
        StepField("operation", 8, 2, .oneOf([0, 0, 0, 1, 2])),
        StepField("reserved", 10, 2, .reserved), StepField("object", 12, 4, .object(.ioas)),
        StepField("value", 16, 8, .oneOf([0, 0, 1, 2])),
      ], weight: 4),
    StepTemplate(
      "compat", .request(0x3B88, size: 12),
      [
        StepField("ioas", 4, 4, .object(.ioas)),
        StepField("operation", 8, 2, .oneOf([0, 1, 2, 3])),
        StepField("reserved", 10, 2, .reserved),
      ], weight: 1),
    StepTemplate(
      "process", .request(0x3B92, size: 8), [StepField("reserved", 4, 4, .reserved)], weight: 1),
    StepTemplate(
      "info", .request(0x3B8A, size: 40),
      [
        StepField("flags", 4, 4, .flags(1)), StepField("device", 8, 4, .object(.device)),
        StepField("length", 12, 4, .oneOf([0, 4, 8, 24, 40])),
        StepField("type", 24, 4, .oneOf([0, 1, UInt64(MockType.hardwareInfo), 2])),
      ], data: StepData(offset: 16, words: [], compared: 48), weight: 2),
    StepTemplate(
      "dirty", .request(0x3B8B, size: 16),
      [StepField("flags", 4, 4, .flags(1)), StepField("hwpt", 8, 4, .object(.hwpt))], weight: 4),
    StepTemplate(
      "bitmap", .request(0x3B8C, size: 48),
      [
        StepField("hwpt", 4, 4, .object(.hwpt)), StepField("flags", 8, 4, .flags(1)),
        StepField("reserved", 12, 4, .reserved), StepField("iova", 16, 8, .iova),
        StepField("length", 24, 8, .length),
        StepField("page", 32, 8, .oneOf([4096, 4096, 4096, 8192, 0x4000, 0, 0x3000])),
      ], data: StepData(offset: 40, words: [], compared: 64), weight: 5),
    StepTemplate(
      "faults", .request(0x3B8E, size: 16), [StepField("flags", 4, 4, .reserved)],
      results: [.id(8, .fault), .descriptor(12, .faults)], weight: 3),
    StepTemplate(
      "vdevice", .request(0x3B91, size: 24),
      [
        StepField("viommu", 4, 4, .object(.viommu)), StepField("device", 8, 4, .object(.device)),
        StepField("virtual", 16, 8, .oneOf([1, 2, 3, 0, 0x1_0000_0002, .max])),
      ], results: [.id(12, .vdevice)], weight: 4),
    StepTemplate(
      "events", .request(0x3B93, size: 32),
      [
        StepField("flags", 4, 4, .reserved), StepField("viommu", 8, 4, .object(.viommu)),
        StepField("type", 12, 4, .oneOf([0xBEEF_BEEF, 0xBEEF_BEEF, 1, 0])),
        StepField("depth", 16, 4, .oneOf([1, 2, 3, 0, 0x80000, 0x80001])),
      ], results: [.id(20, .eventQueue), .descriptor(24, .events)], weight: 3),
    StepTemplate(
      "hwqueue", .request(0x3B94, size: 40),
      [
        StepField("flags", 4, 4, .reserved), StepField("viommu", 8, 4, .object(.viommu)),
        StepField("type", 12, 4, .oneOf([0xDEAD_BEEF, 0xDEAD_BEEF, 0xDEAD_BEEF, 1, 0])),
        StepField("index", 16, 4, .oneOf([0, 1, 2])), StepField("iova", 24, 8, .iova),
        StepField("length", 32, 8, .oneOf([1, 0x800, 0x1000, 0])),
      ], results: [.id(20, .hwQueue)], weight: 3),
    StepTemplate(
      "read", .read,
      [
        StepField("file", 0, 4, .descriptor(.faults)),
        StepField("count", 0, 4, .oneOf([40, 80, 400, 0, 41, 12, 8, 24])),
      ], results: [.number(36, 4), .number(76, 4), .number(116, 4)], weight: 6),
    StepTemplate(
      "readevents", .read,
      [
        StepField("file", 0, 4, .descriptor(.events)),
        StepField("count", 0, 4, .oneOf([12, 24, 400, 8, 7, 0, 20])),
      ], weight: 4),
    StepTemplate(
      "answer", .write,
      [
        StepField("file", 0, 4, .descriptor(.faults)),
        StepField("count", 0, 4, .oneOf([8, 16, 8, 0, 9])),
        StepField("cookie0", 0, 4, .oneOf([1, 1, 2, 3, 99])),
        StepField("code0", 4, 4, .oneOf([0, 1, 0, 2])),
        StepField("cookie1", 8, 4, .oneOf([2, 1, 3])),
        StepField("code1", 12, 4, .oneOf([0, 1, 2])),
      ], weight: 5),
    StepTemplate("poll", .poll, [StepField("file", 0, 4, .descriptor(.faults))], weight: 3),
    StepTemplate("pollevents", .poll, [StepField("file", 0, 4, .descriptor(.events))], weight: 2),
    StepTemplate("close", .close, [StepField("file", 0, 4, .descriptor(.faults))], weight: 2),
    StepTemplate("closeevents", .close, [StepField("file", 0, 4, .descriptor(.events))], weight: 1),
  ]
}
