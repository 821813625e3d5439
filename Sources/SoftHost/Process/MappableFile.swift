package import HostSystem

/// The real file behind a descriptor of a program in another process.
///
/// What the program may map of a device or of a context lies in it, so that the program's own kernel
/// maps it. Offsets are those of the ABI: a region's number in bits 63:40.
package protocol MappableFile: AnyObject, Sendable {
  /// Part of the file, mapped here and shared with whoever maps it; `nil` when it cannot be.
  func memory(at offset: UInt64, byteCount: Int) -> AnonymousMemory?

  /// Whether a program has any of these bytes mapped.
  func isMapped(_ range: ClosedRange<UInt64>) -> Bool
}
