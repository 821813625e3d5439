/// One structure of a DMAR table.
///
/// VT-d §8.2; the types of the structures are their order here.
public enum DMARStructure: Hashable, Sendable {
  /// DRHD: a unit and what stands behind it.
  case unit(DMARUnit)
  /// RMRR: memory that devices use before and after the guest's driver takes them, both ends
  /// included.
  case reservedMemory(segment: UInt16, start: UInt64, end: UInt64, scopes: [DMARScope])
  /// ATSR: root ports whose devices may use ATS; all of the segment, or those given.
  case rootPortATS(segment: UInt16, allPorts: Bool, scopes: [DMARScope])
  /// RHSA: the NUMA node of the unit whose registers are there.
  case affinity(base: UInt64, proximity: UInt32)
  /// ANDD: a device that ACPI names, for scopes to point to.
  case named(number: UInt8, path: String)
  /// SATC: integrated devices that use ATS, and whether they need it.
  case integratedATS(segment: UInt16, isRequired: Bool, scopes: [DMARScope])
  /// SIDP: devices with special properties.
  case deviceProperties(segment: UInt16, scopes: [DMARScope])

  var type: UInt16 {
    switch self {
    case .unit: 0
    case .reservedMemory: 1
    case .rootPortATS: 2
    case .affinity: 3
    case .named: 4
    case .integratedATS: 5
    case .deviceProperties: 6
    }
  }

  /// Units that include all come after all other units, everything else by its type.
  var order: Int {
    if case .unit(let unit) = self { return unit.includesAll ? 1 : 0 }
    return 1 + Int(type)
  }

  /// The structure's bytes.
  func encoded() throws(DMARTableError) -> [UInt8] {
    var body: [UInt8] = []
    switch self {
    case .unit(let unit): try unit.append(to: &body)
    case .reservedMemory(let segment, let start, let end, let scopes):
      guard start & 0xFFF == 0, end & 0xFFF == 0xFFF, start < end else {
        throw .range(start, end)
      }
      body += [0, 0]
      body.append(little: segment)
      body.append(little: start)
      body.append(little: end)
      try DMARScope.append(scopes, to: &body)
    case .rootPortATS(let segment, let allPorts, let scopes):
      body += [allPorts ? 1 : 0, 0]
      body.append(little: segment)
      try DMARScope.append(scopes, to: &body)
    case .affinity(let base, let proximity):
      body += [0, 0, 0, 0]
      body.append(little: base)
      body.append(little: proximity)
    case .named(let number, let path):
      guard !path.isEmpty, path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
        throw .name(path)
      }
      body += [0, 0, 0, number]
      body += Array(path.utf8) + [0]
    case .integratedATS(let segment, let isRequired, let scopes):
      body += [isRequired ? 1 : 0, 0]
      body.append(little: segment)
      try DMARScope.append(scopes, to: &body)
    case .deviceProperties(let segment, let scopes):
      body += [0, 0]
      body.append(little: segment)
      try DMARScope.append(scopes, to: &body)
    }
    guard let length = UInt16(exactly: body.count + 4) else { throw .length }
    var bytes: [UInt8] = []
    bytes.append(little: type)
    bytes.append(little: length)
    return bytes + body
  }
}

/// A unit as a DMAR table tells of it (DRHD).
public struct DMARUnit: Hashable, Sendable {
  /// The segment of its devices.
  public var segment: UInt16
  /// Where its registers are.
  public var base: UInt64
  /// How many bytes of registers there are: a power of two, at least 4,096.
  public var byteCount: UInt64
  /// Whether all devices of the segment are behind it that no other unit has.
  public var includesAll: Bool
  /// What is behind it; with `includesAll` only what has no PCI function of its own.
  public var scopes: [DMARScope]

  /// Describes a unit.
  ///
  /// - Parameters:
  ///   - segment: The segment of its devices.
  ///   - base: Where its registers are.
  ///   - byteCount: How many bytes of registers there are: a power of two, at least 4,096.
  ///   - includesAll: Whether all devices of the segment are behind it that no other unit has.
  ///   - scopes: What is behind it.
  public init(
    segment: UInt16 = 0, base: UInt64, byteCount: UInt64 = 4096, includesAll: Bool = false,
    scopes: [DMARScope] = []
  ) {
    self.segment = segment
    self.base = base
    self.byteCount = byteCount
    self.includesAll = includesAll
    self.scopes = scopes
  }

  fileprivate func append(to bytes: inout [UInt8]) throws(DMARTableError) {
    let pages = byteCount >> 12
    guard pages > 0, byteCount & (byteCount - 1) == 0, pages <= 1 << 15,
      base & (byteCount - 1) == 0
    else { throw .registers(base: base, byteCount: byteCount) }
    bytes += [includesAll ? 1 : 0, UInt8(pages.trailingZeroBitCount)]
    bytes.append(little: segment)
    bytes.append(little: base)
    try DMARScope.append(scopes, to: &bytes)
  }
}

/// A device, by the way to it.
///
/// VT-d §8.3.1.
public struct DMARScope: Hashable, Sendable {
  /// What kind of device it is.
  public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
    /// A PCI endpoint.
    case endpoint = 1
    /// A PCI bridge with everything below it.
    case bridge = 2
    /// An I/O APIC.
    case ioapic = 3
    /// An HPET.
    case hpet = 4
    /// A device that ACPI names; see ``DMARStructure/named(number:path:)``.
    case named = 5
  }

  /// A step of the way: a device and a function.
  public struct Hop: Hashable, Sendable {
    /// The device, below 32.
    public var device: UInt8
    /// The function, below 8.
    public var function: UInt8

    /// Makes a step.
    ///
    /// - Parameters:
    ///   - device: The device, below 32.
    ///   - function: The function, below 8.
    public init(device: UInt8, function: UInt8 = 0) {
      self.device = device
      self.function = function
    }
  }

  /// What kind of device it is.
  public var kind: Kind
  /// The number that ACPI gives the I/O APIC, HPET or named device; 0 for others.
  public var enumerationID: UInt8
  /// The bus that the way starts on.
  public var startBus: UInt8
  /// The way, through bridges if it has more than one step.
  public var path: [Hop]

  /// Describes the way to a device.
  ///
  /// - Parameters:
  ///   - kind: What kind of device it is.
  ///   - enumerationID: The number that ACPI gives it.
  ///   - startBus: The bus that the way starts on.
  ///   - path: The way, at least one step.
  public init(_ kind: Kind, enumerationID: UInt8 = 0, startBus: UInt8 = 0, path: [Hop]) {
    self.kind = kind
    self.enumerationID = enumerationID
    self.startBus = startBus
    self.path = path
  }

  fileprivate static func append(
    _ scopes: [Self], to bytes: inout [UInt8]
  ) throws(DMARTableError) {
    for scope in scopes {
      guard (1...124).contains(scope.path.count) else { throw .length }
      bytes += [scope.kind.rawValue, UInt8(6 + 2 * scope.path.count), 0, 0]
      bytes += [scope.enumerationID, scope.startBus]
      for hop in scope.path {
        guard hop.device < 32, hop.function < 8 else {
          throw .hop(device: hop.device, function: hop.function)
        }
        bytes += [hop.device, hop.function]
      }
    }
  }
}
