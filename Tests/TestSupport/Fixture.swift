public import PCIe

/// A config space with one trait that tests are about.
public struct Fixture: Hashable, Sendable, CustomStringConvertible {
  /// What is special about it; unique among ``Fixtures/all``.
  public let name: String
  /// Its bytes.
  public let config: ConfigSpace

  /// Makes a fixture, for tests that need one of their own.
  public init(_ name: String, _ config: ConfigSpace) {
    self.name = name
    self.config = config
  }

  /// The name, which test reports show.
  public var description: String { name }
}

/// Config spaces that the project builds itself, one for each trait that code must get right.
public enum Fixtures {
  /// All of them.
  public static let all: [Fixture] = sound + broken + odd + legacy + reads

  /// The fixture of a name; an unknown one is a mistake in the test.
  public static func named(_ name: String) -> ConfigSpace {
    guard let fixture = all.first(where: { $0.name == name }) else {
      preconditionFailure("no fixture is named \(name)")
    }
    return fixture.config
  }

  /// A type 0 function with a legacy list that holds a PCI Express capability (2, endpoint, x4).
  ///
  /// Identity 1234:5678, class 0x088000, capability at 0x40, nothing from 0x100 on.
  public static func endpoint(size: Int = ConfigSpace.extendedSize) -> ConfigSpaceBuilder {
    var device = ConfigSpaceBuilder(size: size)
    device.put32(0x5678_1234, 0x0010_0006, 0x0880_0001, at: 0)
    device.put8(0x40, at: 0x34)
    if size > 64 {
      device.put32(0x0002_0010, at: 0x40)
      device.put32(0x0000_0044, at: 0x4C)
    }
    return device
  }

  /// An endpoint that a closure adds registers to.
  static func made(
    _ name: String, size: Int = ConfigSpace.extendedSize,
    _ change: (inout ConfigSpaceBuilder) -> Void
  ) -> Fixture {
    var device = endpoint(size: size)
    change(&device)
    return Fixture(name, device.config)
  }
}

extension ConfigSpaceBuilder {
  /// Writes headers that lead from one to the next, in the order given; the last ends the list.
  public mutating func putChain(_ entries: (id: UInt16, offset: Int)...) {
    for (index, entry) in entries.enumerated() {
      let next = index + 1 < entries.count ? entries[index + 1].offset : 0
      putExtendedHeader(id: entry.id, next: next, at: entry.offset)
    }
  }
}
