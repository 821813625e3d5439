public import HostABI

/// The numbers of an iommufd context's objects: always the lowest free one, and 0 never.
///
/// All kinds of objects share them. A number is reused at once after its object is gone, except one
/// that was buried: that of a virtual device whose device went away. Every operation is a few steps,
/// however many numbers there are.
public struct ObjectNumbers: Sendable {
  /// The highest number that Linux gives out.
  @inlinable public static var highest: UInt32 { NumberSet.limit - 1 }

  private var taken = NumberSet()
  private var buried = NumberSet()
  private let highest: UInt32

  /// Makes a context's numbers.
  ///
  /// - Parameter highest: The highest number to give out, 1 to ``highest``.
  public init(highest: UInt32 = Self.highest) {
    precondition((1...Self.highest).contains(highest), "numbers are below 2^31 and not 0")
    self.highest = highest
  }

  /// The numbers that are taken, the buried ones among them.
  public var count: Int { taken.count }

  /// Whether a number is taken or buried.
  public func isTaken(_ number: UInt32) -> Bool { taken.contains(number) }

  /// Whether a number is taken for ever.
  public func isBuried(_ number: UInt32) -> Bool { buried.contains(number) }

  /// Takes the lowest free number.
  ///
  /// - Throws: `EBUSY` when there is none, which is how Linux's `xa_alloc` says so.
  public mutating func take() throws(LinuxErrno) -> UInt32 {
    let number = taken.firstAbsent(from: 1)
    guard number <= highest else { throw .EBUSY }
    taken.insert(number)
    return number
  }

  /// Gives a number back.
  ///
  /// - Returns: Whether it is free now; not so when it was free before or is buried.
  @discardableResult
  public mutating func free(_ number: UInt32) -> Bool {
    guard !buried.contains(number) else { return false }
    return taken.remove(number)
  }

  /// Keeps a taken number from ever being free again.
  ///
  /// - Returns: Whether the number was taken.
  @discardableResult
  public mutating func bury(_ number: UInt32) -> Bool {
    guard taken.contains(number) else { return false }
    buried.insert(number)
    return true
  }
}
