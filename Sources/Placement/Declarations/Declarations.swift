/// What is known of one device model beyond its config space.
public struct Quirk: Hashable, Sendable {
  /// PCI vendor ID.
  public let vendorID: UInt16
  /// PCI device ID.
  public let deviceID: UInt16
  /// PCI revision ID, or `nil` for all revisions.
  public let revision: UInt8?
  /// The ranges that are declared free or forbidden.
  public let ranges: [DeclaredRange]

  /// Makes a quirk.
  ///
  /// - Parameters:
  ///   - vendorID: PCI vendor ID.
  ///   - deviceID: PCI device ID.
  ///   - revision: PCI revision ID, or `nil` for all revisions.
  ///   - free: Ranges without registers.
  ///   - forbidden: Ranges to leave alone.
  ///   - source: Who says so.
  /// - Throws: ``DeclarationError`` for a range outside the extended space or an empty source.
  public init(
    vendorID: UInt16, deviceID: UInt16, revision: UInt8?, free: [ClosedRange<Int>],
    forbidden: [ClosedRange<Int>], source: String
  ) throws(DeclarationError) {
    guard source.contains(where: { !$0.isWhitespace }) else {
      throw .noSource(vendorID: vendorID, deviceID: deviceID)
    }
    self.vendorID = vendorID
    self.deviceID = deviceID
    self.revision = revision
    var ranges: [DeclaredRange] = []
    for bytes in free { ranges.append(try DeclaredRange(bytes, .free, source: source)) }
    for bytes in forbidden { ranges.append(try DeclaredRange(bytes, .forbidden, source: source)) }
    self.ranges = ranges
  }

  /// Whether the quirk is about this model.
  func covers(_ model: DeviceModel) -> Bool {
    vendorID == model.vendorID && deviceID == model.deviceID
      && (revision ?? model.revision) == model.revision
  }
}

/// Everything that was declared: by the user for all devices, and by quirks for some models.
public struct Declarations: Hashable, Sendable {
  /// What the user declared.
  public let user: [DeclaredRange]
  /// What quirk files declare.
  public let quirks: [Quirk]

  /// Nothing declared.
  public static let none = Declarations(user: [], quirks: [])

  /// Collects declarations.
  ///
  /// - Parameters:
  ///   - user: What the user declared.
  ///   - quirks: What quirk files declare.
  public init(user: [DeclaredRange], quirks: [Quirk]) {
    self.user = user
    self.quirks = quirks
  }

  /// What was declared of one model.
  ///
  /// - Parameter model: The device model.
  /// - Returns: The user's ranges, then those of each quirk that covers the model.
  public func ranges(for model: DeviceModel) -> [DeclaredRange] {
    guard !quirks.isEmpty else { return user }
    return user + quirks.filter { $0.covers(model) }.flatMap(\.ranges)
  }
}
