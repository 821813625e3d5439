import Conformance
import Hardware
import SoftHost

/// Software hosts that between them have all that the cases need.
enum SoftTestbed: String, CaseIterable, Sendable, CustomStringConvertible {
  /// The sample server, as root.
  case server
  /// The sample server, as a user under a limit of locked memory.
  case user
  /// A VT-d unit in legacy mode, which has neither PASIDs, nesting nor dirty bits.
  case legacy
  /// A VT-d unit in scalable mode whose second stage notes no written pages.
  case withoutDirtyBits
  /// A VF whose physical function has no token, as when that one's own driver keeps it.
  case withoutTokens
  /// An SMMUv3 without stage 1, which PASIDs, nesting and dirty state need.
  case withoutStage1

  var description: String { rawValue }

  /// The host, and what it has.
  var testbed: Testbed {
    get throws {
      Testbed(
        try kernel, devicePaths: (0..<8).map { "/dev/vfio/devices/vfio\($0)" },
        virtualFunctions: ["/dev/vfio/devices/vfio5"])
    }
  }

  private var kernel: SoftProcess {
    get throws {
      var description = try HostDescription.server(isStrict: true, answersMockRequests: true)
      var credentials = Credentials.root
      switch self {
      case .server: break
      case .user: credentials = Credentials()
      case .legacy:
        var registers = VTdRegisters.server
        registers.isScalable = false
        description.units[0] = .vtd(registers)
      case .withoutDirtyBits:
        var registers = VTdRegisters.server
        registers.extendedCapability[45] = false
        description.units[0] = .vtd(registers)
      case .withoutTokens:
        description.devices[4].function = try .dataStreamingAccelerator()
      case .withoutStage1:
        var registers = SMMUv3Registers.server
        registers.idr0 &= ~(1 << 1)
        description.units[1] = .smmuv3(registers)
      }
      return try SoftwareHost(description).makeProcess(credentials)
    }
  }
}
