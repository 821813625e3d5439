public import Hardware
public import PCIe

/// Every offset that a capability of some dwords could stand at, sorted by grade.
///
/// An offset is a member as its dword number (offset / 4) of exactly one set, or of none when it is
/// refused.
public struct Candidates: Sendable {
  /// The offset that other VMMs use without looking: the last eight bytes.
  public static let customaryOffset = 0xFF8

  /// Offsets whose bytes were declared free.
  public let clear: DwordSet
  /// Offsets behind everything that is known.
  public let likely: DwordSet
  /// Offsets in holes and shadows.
  public let risky: DwordSet

  /// Grades every offset for the PASID capability, two dwords long.
  ///
  /// - Parameters:
  ///   - ground: What is taken and what is uncertain.
  ///   - declared: What was declared of the device model.
  ///   - limits: What the list itself asks of a place.
  public init(
    on ground: Ground, declared: [DeclaredRange], limits: ListLimits = ListLimits()
  ) {
    var taken = ground.taken
    var undeclared = ConfigByteSet()
    undeclared.insert(0...ConfigByteSet.capacity - 1)
    for range in declared {
      switch range.verdict {
      case .forbidden: taken.insert(range.bytes.lowerBound / 4...range.bytes.upperBound / 4)
      case .free where !range.isContradicted(by: ground): undeclared.remove(range.bytes)
      // Who is wrong about one register of a range knows nothing of the others.
      case .free: break
      }
    }
    let blocked = taken.withPredecessors
    let doubtful = ground.uncertain.withPredecessors
    // Starts that fit: from 0x100 on, and the second dword still inside.
    var open = DwordSet()
    open.insert(0x40...1022)
    open.subtract(blocked)
    if limits.isFull { open.formIntersection(.head) }
    if limits.forbiddenPlaceholder(among: declared) != nil { open = DwordSet() }
    // Clear: all eight bytes were declared, by one range or by several.
    var clear = DwordSet()
    if declared.contains(where: { $0.verdict == .free }) {
      clear = open
      clear.subtract(undeclared.dwords.withPredecessors)
    }
    self.clear = clear
    open.subtract(clear)
    var likely = open
    likely.subtract(doubtful)
    self.likely = likely
    open.formIntersection(doubtful)
    risky = open
  }

  /// The grade of an aligned offset within range.
  ///
  /// - Parameter offset: A multiple of four.
  /// - Returns: The grade; `refused` outside 0x100 to 0xff8.
  public func grade(at offset: Int) -> Grade {
    let dword = offset / 4
    guard offset >= 0, dword < DwordSet.capacity else { return .refused }
    if clear.contains(dword) { return .clear }
    if likely.contains(dword) { return .likely }
    return risky.contains(dword) ? .risky : .refused
  }

  /// The offsets of one grade; none for `refused`.
  subscript(_ grade: Grade) -> DwordSet {
    switch grade {
    case .clear: clear
    case .likely: likely
    case .risky: risky
    case .refused: DwordSet()
    }
  }

  /// The best offset: of the best grade, the customary one if it is there, else the highest.
  public var best: (offset: Int, grade: Grade)? {
    for grade in Grade.allCases {
      let offsets = self[grade]
      if offsets.contains(Self.customaryOffset / 4) { return (Self.customaryOffset, grade) }
      if let highest = offsets.last(through: 1023) { return (highest * 4, grade) }
    }
    return nil
  }
}

extension DwordSet {
  /// The dword that every extended list starts with.
  fileprivate static var head: DwordSet {
    var result = DwordSet()
    result.insert(ConfigSpace.extendedStart / 4)
    return result
  }

  /// The members, and every integer just below a member.
  var withPredecessors: DwordSet {
    var result = self
    for word in 0..<16 {
      let above = word < 15 ? self[word: word + 1] << 63 : 0
      result[word: word] |= self[word: word] >> 1 | above
    }
    return result
  }
}
