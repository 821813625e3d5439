import Hardware

/// What one first-stage page-table format says; the walk itself is the same for all.
protocol FirstStageFormat {
  /// What the whole walk knows: widths and switches of the table.
  associatedtype Parameters: BitwiseCopyable, Sendable

  /// What one entry means to a request.
  ///
  /// - Parameters:
  ///   - entry: The entry.
  ///   - shift: The lowest address bit that the entry's table decodes.
  ///   - request: The request.
  ///   - parameters: What the whole walk knows.
  ///   - inherited: What the levels above have left; the first one finds `initial`.
  /// - Returns: What to do next.
  static func meaning(
    of entry: UInt64, shift: UInt64, request: WalkRequest, _ parameters: Parameters,
    inherited: inout UInt64
  ) -> EntryMeaning

  /// The reason when stage 2 refuses an address on the way.
  ///
  /// - Parameters:
  ///   - cause: Why it refuses.
  ///   - purpose: What the address is for.
  /// - Returns: The reason.
  static func reason(_ cause: SecondStageCause, for purpose: SecondStagePurpose) -> FaultReason

  /// The reason when an entry cannot be read.
  static var fetchReason: FaultReason { get }

  /// The reason when the bits of an entry that keep changing could not be set.
  static var updateReason: FaultReason { get }

  /// What `inherited` is at the top.
  static var initial: UInt64 { get }
}

/// What is asked of a walk.
struct WalkRequest: BitwiseCopyable {
  let iova: IOVA
  let access: DMAAccess
  /// Whether accessed and dirty bits are set; a look at what the tables say leaves them alone.
  let isUpdating: Bool
}

/// What an entry means.
enum EntryMeaning: BitwiseCopyable {
  /// The request ends here.
  case refused(FaultReason, isCurable: Bool)
  /// The next table; the entry becomes `entry` first.
  case table(UInt64, entry: UInt64)
  /// The page's base; rights as in a ``TranslationWord``; the entry becomes `entry` first.
  case leaf(UInt64, rights: UInt64, entry: UInt64)
}

/// What stage 2 is asked for.
enum SecondStagePurpose: BitwiseCopyable {
  /// The table that the walk starts with.
  case topTable
  /// Another table.
  case lowerTable
  /// Writing an accessed or dirty bit into a table.
  case update
  /// The page itself.
  case page
}

/// Where a first-stage walk starts.
struct WalkStart: BitwiseCopyable {
  /// The guest physical address of the top table.
  let table: UInt64
  /// The lowest address bit that the top table decodes.
  let shift: UInt64
  /// How many bits the top table decodes.
  let topBits: UInt64
  /// How many bits each other table decodes.
  let bits: UInt64
  /// The lowest address bit that the last table decodes.
  let pageShift: UInt64
}
