/// What is fuzzed: each target takes any bytes, and traps when a property does not hold.
public enum FuzzTarget: String, CaseIterable, Sendable {
  /// Text dumps.
  case dumpText = "DumpText"
  /// The walk, the layout and insertion.
  case walkInsert = "WalkInsert"
  /// Placement, surveys, plans and pins.
  case placement = "Placement"
  /// The virtual config space.
  case virtualConfig = "VirtualConfig"
  /// Survey lines, and what merging them gives.
  case surveyLine = "SurveyLine"
  /// Quirk and pin files.
  case jsonFiles = "JSONFiles"
  /// Page tables and context descriptors that a guest wrote.
  case guestTables = "GuestTables"
  /// Programs of system calls on a software host.
  case requestDoor = "RequestDoor"
  /// A guest's use of a VT-d unit: registers, queues, tables.
  case unitDoor = "UnitDoor"
  /// Translation for emulated devices by the tables of a guest.
  case ownWalk = "OwnWalk"
  /// A program's use of a data streaming accelerator: registers, portals, descriptors.
  case accelerator = "Accelerator"
  /// What a client says to a vfio-user server.
  case userServer = "UserServer"
  /// What clients and a guest do to served devices and their unit.
  case servedMachine = "ServedMachine"

  /// Checks the target's properties on an input.
  ///
  /// - Parameter bytes: The input.
  public func run(_ bytes: [UInt8]) {
    switch self {
    case .dumpText: DumpTextEntry.run(bytes)
    case .walkInsert: WalkInsertEntry.run(bytes)
    case .placement: PlacementEntry.run(bytes)
    case .virtualConfig: VirtualConfigEntry.run(bytes)
    case .surveyLine: SurveyLineEntry.run(bytes)
    case .jsonFiles: JSONFilesEntry.run(bytes)
    case .guestTables: GuestTablesEntry.run(bytes)
    case .requestDoor: RequestDoorEntry.run(bytes)
    case .unitDoor: UnitDoorEntry.run(bytes)
    case .ownWalk: OwnWalkEntry.run(bytes)
    case .accelerator: AcceleratorEntry.run(bytes)
    case .userServer: UserServerEntry.run(bytes)
    case .servedMachine: ServedMachineEntry.run(bytes)
    }
  }
}

/// Traps with a message, also in optimised builds, when a property does not hold.
func require(_ holds: Bool, _ what: @autoclosure () -> String) {
  if !holds { fatalError(what()) }
}
