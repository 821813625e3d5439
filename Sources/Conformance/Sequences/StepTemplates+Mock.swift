import HostABI

extension StepTemplates {
  private static let tableWords = [
    StepField("iotlb", 0, 4, .oneOf([0xBAD_BEEF, 7, 0])),
    StepField("kind", 4, 4, .oneOf([0, 0, 0, 0, 1, 2])),
  ]

  private static let entryWords: [StepField] = (0..<3).flatMap { index in
    [
      StepField("flags\(index)", index * 8, 4, .oneOf([0, 0, 0, 1, 2])),
      StepField("entry\(index)", index * 8 + 4, 4, .oneOf([0, 1, 2, 3, 4])),
    ]
  }

  private static let cacheWords: [StepField] = (0..<3).flatMap { index in
    [
      StepField("flags\(index)", index * 12, 4, .oneOf([0, 0, 0, 1, 2])),
      StepField("virtual\(index)", index * 12 + 4, 4, .oneOf([1, 2, 3, 0])),
      StepField("entry\(index)", index * 12 + 8, 4, .oneOf([0, 1, 2, 3, 4])),
    ]
  }

  /// Requests with the mock's data, and the mock's own operations.
  static let mock: [StepTemplate] = [
    StepTemplate(
      "device", .mock(12),
      [
        StepField("table", 8, 4, .table),
        StepField("flags", 28, 4, .oneOf([4, 4, 4, 0, 1, 5, 2])),
      ], results: [.id(16, .holder), .id(24, .device), .id(20, .hwpt)], weight: 7),
    StepTemplate(
      "hwpt", .request(0x3B89, size: 48),
      [
        StepField("flags", 4, 4, .flags(15)), StepField("device", 8, 4, .object(.device)),
        StepField("parent", 12, 4, .parent), StepField("reserved", 20, 4, .reserved),
        StepField("fault", 40, 4, .object(.fault)),
      ], results: [.id(16, .hwpt)], weight: 11),
    StepTemplate(
      "hwptdata", .request(0x3B89, size: 48),
      [
        StepField("flags", 4, 4, .flags(12)), StepField("device", 8, 4, .object(.device)),
        StepField("parent", 12, 4, .parent),
        StepField("type", 24, 4, .oneOf([0xDEAD, 0xDEAD, 0xDEAD, 0xDEAD, 1, 0])),
        StepField("bytes", 28, 4, .oneOf([8, 8, 8, 4, 12, 3, 0])),
        StepField("fault", 40, 4, .object(.fault)),
      ], results: [.id(16, .nested)],
      data: StepData(offset: 32, words: tableWords, compared: 0), weight: 11),
    StepTemplate(
      "invalidate", .request(0x3B8D, size: 32),
      [
        StepField("hwpt", 4, 4, .object(.nested)),
        StepField("type", 16, 4, .oneOf([0xDEAD_BEEF, 0xDEAD_BEEF, 0xDEAD_BEEF, 0xDADBEEF, 0])),
        StepField("bytes", 20, 4, .oneOf([8, 8, 8, 8, 12, 16, 0, 4097])),
        StepField("count", 24, 4, .oneOf([1, 2, 3, 0, 0x80001])),
        StepField("reserved", 28, 4, .reserved),
      ], data: StepData(offset: 8, words: entryWords, compared: 0), weight: 6),
    StepTemplate(
      "invalidatecache", .request(0x3B8D, size: 32),
      [
        StepField("viommu", 4, 4, .object(.viommu)),
        StepField("type", 16, 4, .oneOf([0xDEAD_BEEF, 0xDEAD_BEEF, 0xDEAD_BEEF, 0xDADBEEF, 0])),
        StepField("bytes", 20, 4, .oneOf([12, 12, 12, 8, 4, 16])),
        StepField("count", 24, 4, .oneOf([1, 2, 3, 0])),
      ], data: StepData(offset: 8, words: cacheWords, compared: 0), weight: 4),
    StepTemplate(
      "viommu", .request(0x3B90, size: 40),
      [
        StepField("flags", 4, 4, .reserved),
        StepField(
          "type", 8, 4, .oneOf([0xDEAD_BEEF, 0xDEAD_BEEF, 0xDEAD_BEEF, 0xDEAD_BEEF, 1, 0])),
        StepField("device", 12, 4, .object(.device)), StepField("hwpt", 16, 4, .object(.hwpt)),
        StepField("bytes", 24, 4, .oneOf([0, 24, 24, 8, 16, 4, 32])),
      ], results: [.id(20, .viommu)],
      data: StepData(
        offset: 32, words: [StepField("input", 0, 4, .oneOf([1, 0xFFFF_FFFF]))], compared: 32),
      weight: 5),
    StepTemplate(
      "replace", .mock(10),
      [StepField("holder", 8, 4, .object(.holder)), StepField("table", 16, 4, .table)], weight: 9),
    StepTemplate(
      "attach", .mock(18),
      [
        StepField("holder", 8, 4, .object(.holder)), StepField("pasid", 16, 4, .pasid),
        StepField("table", 20, 4, .table),
      ], weight: 12),
    StepTemplate(
      "move", .mock(19),
      [
        StepField("holder", 8, 4, .object(.holder)), StepField("pasid", 16, 4, .pasid),
        StepField("table", 20, 4, .table),
      ], weight: 8),
    StepTemplate(
      "detach", .mock(20),
      [StepField("holder", 8, 4, .object(.holder)), StepField("pasid", 16, 4, .pasid)], weight: 6),
    StepTemplate(
      "ison", .mock(21),
      [
        StepField("holder", 8, 4, .object(.holder)), StepField("pasid", 16, 4, .pasid),
        StepField("table", 20, 4, .table),
      ], weight: 8),
    StepTemplate(
      "reserve", .mock(1),
      [
        StepField("ioas", 8, 4, .object(.ioas)), StepField("start", 16, 8, .iova),
        StepField("length", 24, 8, .length),
      ], weight: 2),
    StepTemplate(
      "translates", .mock(3),
      [
        StepField("hwpt", 8, 4, .object(.hwpt)), StepField("iova", 16, 8, .iova),
        StepField("length", 24, 8, .length), StepField("va", 32, 8, .memory),
      ], weight: 12),
    StepTemplate(
      "iotlb", .mock(14),
      [
        StepField("hwpt", 8, 4, .object(.nested)),
        StepField("entry", 16, 4, .oneOf([0, 1, 2, 3, 4])),
        StepField("value", 20, 4, .oneOf([0xBAD_BEEF, 7, 0])),
      ], weight: 5),
    StepTemplate(
      "cache", .mock(16),
      [
        StepField("device", 8, 4, .object(.device)),
        StepField("entry", 16, 4, .oneOf([0, 1, 2, 3, 4])),
        StepField("value", 20, 4, .oneOf([0xBADDAD, 0])),
      ], weight: 3),
    StepTemplate(
      "fault", .mock(15),
      [
        StepField("device", 16, 4, .object(.device)), StepField("pasid", 20, 4, .pasid),
        StepField("group", 24, 4, .oneOf([1, 2, 0xFFFF_FFFF])),
        StepField("access", 28, 4, .oneOf([1, 2, 3, 8])), StepField("address", 32, 8, .iova),
      ], weight: 7),
    StepTemplate("event", .mock(17), [StepField("device", 16, 4, .object(.device))], weight: 5),
    StepTemplate(
      "markdirty", .mock(13),
      [
        StepField("hwpt", 8, 4, .object(.hwpt)), StepField("iova", 24, 8, .iova),
        StepField("length", 32, 8, .length),
        StepField("page", 40, 8, .oneOf([4096, 8192, 0, 0x3000])),
      ],
      data: StepData(
        offset: 48, words: [StepField("bits", 0, 8, .oneOf([1, 0b1010, 0xFF, .max]))], compared: 0),
      weight: 5),
    StepTemplate(
      "access", .mock(5),
      [StepField("ioas", 8, 4, .object(.ioas)), StepField("flags", 20, 4, .oneOf([0, 1, 2]))],
      results: [.descriptor(16, .access)], weight: 3),
    StepTemplate(
      "moveaccess", .mock(11),
      [StepField("access", 8, 4, .descriptor(.access)), StepField("ioas", 16, 4, .object(.ioas))],
      weight: 2),
    StepTemplate(
      "get", .mock(8),
      [
        StepField("access", 8, 4, .descriptor(.access)), StepField("iova", 16, 8, .iova),
        StepField("length", 24, 8, .oneOf([8, 64, 1, 0])),
        StepField("flags", 40, 4, .oneOf([0, 4, 0, 2])),
      ], data: StepData(offset: 32, words: [], compared: 64), weight: 5),
    StepTemplate(
      "put", .mock(8),
      [
        StepField("access", 8, 4, .descriptor(.access)), StepField("iova", 16, 8, .iova),
        StepField("length", 24, 8, .oneOf([8, 16, 1])),
        StepField("flags", 40, 4, .oneOf([1, 5])),
      ],
      data: StepData(
        offset: 32,
        words: [
          StepField("word0", 0, 8, .oneOf([1, 0x1122_3344_5566_7788, .max])),
          StepField("word1", 8, 8, .oneOf([2, 0])),
        ], compared: 0), weight: 4),
    StepTemplate(
      "pin", .mock(7),
      [
        StepField("access", 8, 4, .descriptor(.access)),
        StepField("flags", 16, 4, .oneOf([0, 1, 2])),
        StepField("iova", 24, 8, .iova), StepField("length", 32, 8, .length),
        StepField("va", 40, 8, .memory),
      ], results: [.number(20, 4)], weight: 4),
    StepTemplate(
      "unpin", .mock(6),
      [
        StepField("access", 8, 4, .descriptor(.access)),
        StepField("pin", 16, 4, .oneOf([0, 1, 2])),
      ],
      weight: 2),
    StepTemplate("closeaccess", .close, [StepField("file", 0, 4, .descriptor(.access))], weight: 2),
  ]
}
