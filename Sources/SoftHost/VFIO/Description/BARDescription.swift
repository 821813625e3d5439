import PCIe

/// One base address register of a function: what kind of region it is, how big, and what backs it.
package struct BARDescription: Sendable {
  /// The address space that a base address register decodes (PCI Local Bus Specification 6.2.5.1).
  package enum Kind: Hashable, Sendable {
    /// I/O ports.
    case io
    /// Memory below 4 GiB.
    case memory32
    /// Memory anywhere; the register takes the next one's place as its upper half.
    case memory64
  }

  /// What answers reads and takes writes.
  package enum Backing: Sendable {
    /// Bytes that keep what is written, zero at first and after a reset.
    case memory
    /// A device model.
    case handler(any RegionHandler)
  }

  /// The register's number, 0 to 5.
  package let index: Int
  /// The address space.
  package let kind: Kind
  /// Whether memory reads have no side effects.
  package let isPrefetchable: Bool
  /// The size in bytes, a power of two.
  package let byteCount: UInt64
  /// The parts that can be mapped when not all can; reported as the sparse mmap capability.
  package let mappableAreas: [Range<UInt64>]
  /// What stands behind it.
  package let backing: Backing
  /// Whether the region can be mapped at all, if it is of a kind that can.
  package let allowsMapping: Bool

  /// Describes a register.
  ///
  /// - Parameters:
  ///   - index: The register's number, 0 to 5.
  ///   - kind: The address space.
  ///   - byteCount: The size in bytes, a power of two.
  ///   - isPrefetchable: Whether memory reads have no side effects.
  ///   - mappableAreas: The parts that can be mapped, when not all can.
  ///   - allowsMapping: `false` keeps the region from being mapped.
  ///   - backing: What stands behind it.
  package init(
    index: Int, kind: Kind, byteCount: UInt64, isPrefetchable: Bool = false,
    mappableAreas: [Range<UInt64>] = [], allowsMapping: Bool = true, backing: Backing = .memory
  ) {
    self.index = index
    self.kind = kind
    self.byteCount = byteCount
    self.isPrefetchable = isPrefetchable
    self.mappableAreas = mappableAreas
    self.allowsMapping = allowsMapping
    self.backing = backing
  }

  /// Whether a device model answers accesses.
  package var isServed: Bool { if case .handler = backing { true } else { false } }

  /// The offset of the register in config space.
  package var registerOffset: Int { 0x10 + 4 * index }

  /// The read-only low bits of the register.
  package var registerFlags: UInt32 {
    switch kind {
    case .io: 1
    case .memory32: isPrefetchable ? 8 : 0
    case .memory64: isPrefetchable ? 0xC : 4
    }
  }

  /// The register numbers that it takes up.
  var registers: ClosedRange<Int> { index...(kind == .memory64 ? index + 1 : index) }

  /// Why it cannot be, or `nil`.
  var problem: DescriptionError? {
    guard (0...5).contains(index), kind != .memory64 || index < 5 else { return .badBAR(index) }
    let (least, most): (UInt64, UInt64) =
      switch kind {
      case .io: (4, 256)
      case .memory32: (16, 1 << 31)
      case .memory64: (16, 1 << 39)
      }
    guard byteCount.nonzeroBitCount == 1, (least...most).contains(byteCount) else {
      return .badSize(bar: index, byteCount)
    }
    guard mappableAreas.allSatisfy({ !$0.isEmpty && $0.upperBound <= byteCount }) else {
      return .badBAR(index)
    }
    return nil
  }
}

/// Why a function cannot be described so.
package enum DescriptionError: Error, Hashable, Sendable, CustomStringConvertible {
  /// vfio-pci drives functions with a type 0 header alone.
  case headerType(UInt8)
  /// The function does not answer.
  case absent
  /// A base address register that cannot be, or is taken.
  case badBAR(Int)
  /// A size that such a register cannot have.
  case badSize(bar: Int, UInt64)
  /// A ROM whose size is no power of two from 2 KiB to 16 MiB, or that has more bytes.
  case badROM

  /// The reason in words.
  package var description: String {
    switch self {
    case .headerType(let type):
      "a bridge or port (header type \(type)); VFIO drives functions with header type 0 only"
    case .absent: "the function does not answer: its config space reads all ones"
    case .badBAR(let index): "base address register \(index) cannot be, or is taken"
    case .badSize(let bar, let byteCount):
      "base address register \(bar) cannot have \(byteCount) bytes: a power of two within the "
        + "register's reach is needed"
    case .badROM: "the option ROM's size is no power of two from 2 KiB to 16 MiB"
    }
  }
}
