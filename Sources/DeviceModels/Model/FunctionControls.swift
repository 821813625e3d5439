/// What config space lets a function do; a host tells its model of each change.
public struct FunctionControls: OptionSet, Hashable, Sendable {
  /// The flags.
  public let rawValue: UInt8

  /// Makes a set from its flags.
  ///
  /// - Parameter rawValue: The flags.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Bus Master Enable of the Command register.
  public static let busMaster = Self(rawValue: 1)
  /// PASID Enable.
  public static let pasid = Self(rawValue: 2)
  /// Execute Permission Enable of PASID Control.
  public static let execute = Self(rawValue: 4)
  /// Privileged Mode Enable of PASID Control.
  public static let privileged = Self(rawValue: 8)
  /// ATS Enable.
  public static let ats = Self(rawValue: 16)
  /// PRI's Enable.
  public static let pageRequests = Self(rawValue: 32)
}
