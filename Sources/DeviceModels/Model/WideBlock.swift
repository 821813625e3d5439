/// The 64 bytes that one wide store carries, as eight little-endian words.
@frozen
public struct WideBlock: Hashable, Sendable, BitwiseCopyable {
  /// The words, the one of the lowest address first.
  public var words: SIMD8<UInt64>

  /// Makes a block.
  ///
  /// - Parameter words: The words, the one of the lowest address first.
  @inlinable
  public init(_ words: SIMD8<UInt64> = .zero) { self.words = words }
}
