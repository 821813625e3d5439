public import Hardware

/// The PASID Control register, PCI Express Base Specification 7.8.9.3 (`PCI_PASID_CTRL`).
public struct PASIDControl: BitRegister {
  /// All 16 bits.
  public var rawValue: UInt16

  /// Makes a register from all its bits.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// PASID Enable, bit 0: the function may send requests with a PASID.
  public var isEnabled: Bool { self[0] }

  /// Execute Permission Enable, bit 1.
  public var allowsExecute: Bool { self[1] }

  /// Privileged Mode Enable, bit 2.
  public var allowsPrivileged: Bool { self[2] }
}

/// The guest, a reset or a restored state changed the PASID Control register.
public struct PASIDControlChange: Hashable, Sendable {
  /// The register before.
  public let old: PASIDControl
  /// The register now.
  public let new: PASIDControl

  /// Makes a change from its two sides.
  ///
  /// - Parameters:
  ///   - old: The register before.
  ///   - new: The register now.
  public init(old: PASIDControl, new: PASIDControl) {
    self.old = old
    self.new = new
  }
}

extension Sequence where Element == RegisterChange {
  /// What happened to the PASID Control register; `nil` when it is as it was.
  @inlinable
  public var pasidControl: PASIDControlChange? {
    for change in self where change.role == .pasidControl {
      return PASIDControlChange(
        old: PASIDControl(rawValue: UInt16(truncatingIfNeeded: change.old)),
        new: PASIDControl(rawValue: UInt16(truncatingIfNeeded: change.new)))
    }
    return nil
  }
}
