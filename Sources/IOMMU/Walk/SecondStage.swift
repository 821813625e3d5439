import Hardware

/// What stands between the addresses of a first stage and memory.
///
/// The walk of a first stage is compiled once for each; what a stage does to the tables themselves,
/// such as setting dirty bits, it does while the walk asks.
protocol SecondStage {
  /// The page that an address leads to.
  ///
  /// - Parameters:
  ///   - address: What the first stage gives: the place of an entry, or the page itself.
  ///   - purpose: What it is for.
  ///   - request: What is asked of the walk.
  /// - Returns: The page, which can be read if it is for a table, and allows the request if not.
  func find(
    _ address: UInt64, for purpose: SecondStagePurpose, _ request: WalkRequest
  ) -> StageAnswer

  /// Whether a table may be written; called before each write of one.
  ///
  /// - Parameters:
  ///   - page: What was found for the table.
  ///   - address: The place in it.
  ///   - request: What is asked of the walk.
  /// - Returns: Why not, or `nil`.
  func refusesUpdate(
    of page: StagePage, at address: UInt64, _ request: WalkRequest
  ) -> FaultReason?

  /// Notes that a table was written.
  ///
  /// - Parameter page: What was found for the table.
  func noteUpdate(of page: StagePage)

  /// What the caller of the walk gets.
  ///
  /// - Parameters:
  ///   - page: What was found for the page.
  ///   - rights: What the first stage allows, as a ``TranslationWord`` has it.
  ///   - shift: The size of the first stage's page as a power of two.
  ///   - request: What is asked of the walk.
  /// - Returns: The translation.
  func finish(
    _ page: StagePage, rights: UInt64, shift: UInt64, _ request: WalkRequest
  ) -> TranslationWord

  /// Reads and changes the entries.
  var memory: PagingTable { get }
}

/// A page of a second stage.
struct StagePage: BitwiseCopyable {
  /// A leaf of the paging table that is memory: the page in bits 61:12, its rights in bits 1:0.
  let entry: UInt64
  /// What the second stage allows: read, write, execute.
  let rights: UInt64
  /// The size of the second stage's page as a power of two.
  let shift: UInt64
  /// The address that the leaf was found by.
  let address: UInt64

  /// A page of memory itself.
  @inline(__always)
  init(_ entry: UInt64, at address: UInt64) {
    self.entry = entry
    self.address = address
    rights = entry & 3
    shift = 12
  }

  @inline(__always)
  init(_ page: StagePage, rights: UInt64, shift: UInt64) {
    entry = page.entry
    address = page.address
    self.rights = rights
    self.shift = shift
  }
}

/// What a second stage says of an address.
enum StageAnswer: BitwiseCopyable {
  /// It leads to a page.
  case page(StagePage)
  /// It does not; the address is the one that the refusing stage was given.
  case refused(FaultReason, at: UInt64, in: TranslationFault.Stage, isCurable: Bool)
}

/// A paging table of the host as second stage, in the words of a format.
struct HostStage<Format: FirstStageFormat>: SecondStage {
  let memory: PagingTable

  @inline(__always)
  init(_ memory: PagingTable) { self.memory = memory }

  @inline(__always)
  func find(
    _ address: UInt64, for purpose: SecondStagePurpose, _ request: WalkRequest
  ) -> StageAnswer {
    guard !memory.isTooWide(address) else { return refuse(.tooWide, purpose, address) }
    let leaf = memory.leaf(address)
    let needed =
      purpose == .page ? PagingTable.needed(request.access) : PagingEntry.read
    guard needed & ~leaf == 0, leaf != 0 else {
      return refuse(leaf == 0 ? .absent : .denied, purpose, address)
    }
    return .page(StagePage(leaf, at: address))
  }

  @inline(__always)
  func refusesUpdate(
    of page: StagePage, at address: UInt64, _ request: WalkRequest
  ) -> FaultReason? {
    page.entry & PagingEntry.write == 0 ? Format.reason(.denied, for: .update) : nil
  }

  @inline(__always)
  func noteUpdate(of page: StagePage) {
    _ = memory.rights(noting: page.entry, at: page.address, isWrite: true, updating: true)
  }

  @inline(__always)
  func finish(
    _ page: StagePage, rights: UInt64, shift: UInt64, _ request: WalkRequest
  ) -> TranslationWord {
    let outer = memory.rights(
      noting: page.entry, at: page.address, isWrite: request.access.contains(.write),
      updating: request.isUpdating)
    let all = outer | (outer & 1) << 2
    // Every page of the table has 4 KiB, so that is the smaller of both.
    return TranslationWord(host: page.entry, rights: (all | all << 3) & rights, pageShift: 12)
  }

  @inline(never)
  private func refuse(
    _ cause: SecondStageCause, _ purpose: SecondStagePurpose, _ address: UInt64
  ) -> StageAnswer {
    .refused(Format.reason(cause, for: purpose), at: address, in: .second, isCurable: false)
  }
}
