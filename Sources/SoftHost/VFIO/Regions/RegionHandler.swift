/// A device model behind one base address register.
///
/// The function calls it while it is itself being changed, so a model must not call back: what it
/// wants done goes into the ``RegionActions``. Every access is naturally aligned, 1, 2, 4 or 8
/// bytes, and ends within the region.
package protocol RegionHandler: AnyObject, Sendable {
  /// Reads registers.
  ///
  /// - Parameters:
  ///   - byteCount: 1, 2, 4 or 8.
  ///   - offset: Where, in bytes from the start of the region.
  ///   - actions: What the function is to do afterwards.
  /// - Returns: The little-endian value.
  func read(_ byteCount: Int, at offset: UInt64, _ actions: inout RegionActions) -> UInt64

  /// Writes registers.
  ///
  /// - Parameters:
  ///   - value: The little-endian value, zero above `byteCount` bytes.
  ///   - byteCount: 1, 2, 4 or 8.
  ///   - offset: Where, in bytes from the start of the region.
  ///   - actions: What the function is to do afterwards.
  func write(
    _ value: UInt64, _ byteCount: Int, at offset: UInt64, _ actions: inout RegionActions)

  /// Takes 64 bytes at once, as MOVDIR64B and ENQCMD store them.
  ///
  /// - Parameters:
  ///   - words: The bytes as little-endian words.
  ///   - offset: Where, a multiple of 64.
  ///   - isAnswered: Whether it is ENQCMD's.
  /// - Returns: Whether the device took it.
  func storeWide(_ words: SIMD8<UInt64>, at offset: UInt64, isAnswered: Bool) -> Bool

  /// Brings the registers back to how the device starts.
  func reset()
}

extension RegionHandler {
  /// Registers know no such stores: nothing happens.
  package func storeWide(
    _ words: SIMD8<UInt64>, at offset: UInt64, isAnswered: Bool
  ) -> Bool { false }
}

/// What a device model asks of its function.
package struct RegionActions: Sendable {
  /// MSI or MSI-X vectors to fire, in order.
  package var vectors: [Int] = []
  /// The level of the interrupt line, when it changes.
  package var line: Bool?

  /// Nothing to do.
  package init() {}
}
