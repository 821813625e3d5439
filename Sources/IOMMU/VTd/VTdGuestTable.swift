public import Hardware

/// Everything that a guest's VT-d entry says about a requester or one of its PASIDs, walked by us.
///
/// Unlike ``VTdNestedTable`` it has no second stage of the host below it: the guest's physical
/// addresses are those of its memory, and a second stage is one of the guest's own. Whatever the
/// guest wrote, a walk is bounded and ends in a translation or a fault. VT-d §3.6 to §3.8.
public final class VTdGuestTable: Sendable {
  /// A first stage.
  public struct FirstStage: Hashable, Sendable, BitwiseCopyable {
    /// Where the top table is; bits 11:0 are dropped.
    public var root: GuestPhysicalAddress
    /// How many levels there are: 4 or 5.
    public var levels: Int
    /// What it is used with.
    public var options: VTdNestedTable.Options
    /// Whether there are pages of 1 GiB.
    public var has1GiBPages: Bool

    /// Describes a first stage.
    ///
    /// - Parameters:
    ///   - root: Where the top table is.
    ///   - levels: 4 or 5; anything else is a bug and traps.
    ///   - options: What it is used with.
    ///   - has1GiBPages: Whether there are pages of 1 GiB.
    public init(
      root: GuestPhysicalAddress, levels: Int = 4, options: VTdNestedTable.Options = [],
      has1GiBPages: Bool = true
    ) {
      precondition(levels == 4 || levels == 5, "a first stage has 4 or 5 levels")
      self.root = root
      self.levels = levels
      self.options = options
      self.has1GiBPages = has1GiBPages
    }
  }

  /// What translates.
  public enum Kind: Hashable, Sendable {
    /// Nothing: addresses are physical.
    case passThrough
    /// A first stage.
    case first(FirstStage)
    /// A second stage.
    case second(VTdSecondStage)
    /// A first stage on a second.
    case nested(FirstStage, VTdSecondStage)
  }

  /// Where the tables are, and what they lead to.
  public let memory: PagingTable
  /// What translates.
  public let kind: Kind
  /// Whether cached translations carry a PASID.
  let isTaggedByPASID: Bool
  private let isLegacy: Bool
  private let hostAddressWidth: UInt64
  /// The parts of `kind`, where a walk finds them without taking it apart.
  private let shape: Shape
  private let second: VTdSecondStage
  private let inputShift: Int64
  private let start: WalkStart
  private let parameters: VTdFirstStageFormat.Parameters

  private enum Shape {
    case passThrough, first, second, nested
  }

  /// Makes a table.
  ///
  /// - Parameters:
  ///   - kind: What translates.
  ///   - memory: Where the tables are, and what they lead to.
  ///   - hostAddressWidth: Addresses have no bits above it; 32 to 52.
  ///   - isLegacy: Whether faults have the numbers of legacy mode.
  public init(
    _ kind: Kind, in memory: PagingTable, hostAddressWidth: Int = 52, isLegacy: Bool = false
  ) {
    precondition((32...52).contains(hostAddressWidth), "no such host address width")
    self.kind = kind
    self.memory = memory
    self.isLegacy = isLegacy
    self.hostAddressWidth = UInt64(hostAddressWidth)
    let first: FirstStage?
    let second: VTdSecondStage?
    switch kind {
    case .passThrough: (shape, first, second) = (.passThrough, nil, nil)
    case .first(let one): (shape, first, second) = (.first, one, nil)
    case .second(let other): (shape, first, second) = (.second, nil, other)
    case .nested(let one, let other): (shape, first, second) = (.nested, one, other)
    }
    self.second = second ?? VTdSecondStage(root: GuestPhysicalAddress(0), levels: 4)
    inputShift = Int64(11 + 9 * (first?.levels ?? 4))
    isTaggedByPASID = first != nil
    start = WalkStart(
      table: (first?.root.rawValue ?? 0) & ~0xFFF, shift: UInt64(3 + 9 * (first?.levels ?? 4)),
      topBits: 9, bits: 9, pageShift: 12)
    parameters = VTdFirstStageFormat.Parameters(
      options: first?.options ?? [], reserved: (1 << 52) &- (1 << UInt64(hostAddressWidth)),
      largest: first?.has1GiBPages == false ? 21 : 30)
  }

  /// Where an address leads in the guest's memory, whether anything is there or not.
  ///
  /// Caches take no part in it; this is what ATS answers from.
  ///
  /// - Parameters:
  ///   - iova: The address.
  ///   - access: What is wanted.
  ///   - updating: Whether accessed and dirty bits are set.
  /// - Returns: The address and what is allowed, or the fault.
  public func physical(
    _ iova: IOVA, _ access: DMAAccess, updating: Bool = true
  ) -> VTdPhysicalResult {
    switch walk(iova, access, updating: updating, to: .physical) {
    case .fault(let fault): return .fault(fault)
    case .mapped(let word):
      let isPrivileged = access.contains(.privileged)
      return .success(
        VTdPhysicalTranslation(
          address: GuestPhysicalAddress(word.host | iova.rawValue & 0xFFF),
          permissions: DMAAccess(rawValue: word.permissions(isPrivileged: isPrivileged)),
          pageShift: word.pageShift))
    }
  }

  /// Walks to memory; by itself, so that it is called without counting a reference.
  @inline(never)
  func walk(_ iova: IOVA, _ access: DMAAccess, updating: Bool) -> WalkResult {
    walk(iova, access, updating: updating, to: .memory)
  }

  @inline(__always)
  private func walk(
    _ iova: IOVA, _ access: DMAAccess, updating: Bool, to target: WalkTarget
  ) -> WalkResult {
    let request = WalkRequest(iova: iova, access: access, isUpdating: updating)
    // Each stage is made where it is used, so that no reference is counted.
    switch shape {
    case .first:
      if let fault = refusal(of: request) { return .fault(fault) }
      return NestedWalk<VTdFirstStageFormat, GuestMemoryStage>.run(
        request, from: start, parameters,
        through: GuestMemoryStage(memory: memory, target: target))
    case .nested:
      if let fault = refusal(of: request) { return .fault(fault) }
      return NestedWalk<VTdFirstStageFormat, GuestSecondStage>.run(
        request, from: start, parameters,
        through: GuestSecondStage(memory: memory, target: target, second: second))
    case .second:
      return walkSecond(request, target)
    case .passThrough:
      guard iova.rawValue >> hostAddressWidth == 0 else {
        return .fault(fault(.vtd(isLegacy ? .legacyInputTooWide : .resultTooWide), request))
      }
      return finish(request, iova.rawValue, rights: 7, shift: 12, target)
    }
  }

  /// What the entry refuses before any table is read.
  @inline(__always)
  private func refusal(of request: WalkRequest) -> TranslationFault? {
    let access = request.access
    if access.contains(.privileged), !parameters.options.contains(.supervisorRequests) {
      return TranslationFault(.vtd(.supervisorNotEnabled), in: .configuration, at: request.iova)
    }
    if access.contains(.execute), !parameters.options.contains(.executeRequests) {
      return TranslationFault(.vtd(.executeNotEnabled), in: .configuration, at: request.iova)
    }
    // All bits from the highest one that is decoded up are alike.
    let top = Int64(bitPattern: request.iova.rawValue) >> inputShift
    guard top == 0 || top == -1 else {
      return TranslationFault(.vtd(.notCanonical), in: .first, at: request.iova)
    }
    return nil
  }

  @inline(__always)
  private func walkSecond(_ request: WalkRequest, _ target: WalkTarget) -> WalkResult {
    let needed = UInt64(request.access.rawValue & 7)
    switch second.walk(
      request.iova.rawValue, needed: needed, updating: request.isUpdating, memory)
    {
    case .refused(let refusal):
      let reason = second.reason(refusal, isWrite: request.access.contains(.write))
      return .fault(
        TranslationFault(
          .vtd(reason), in: .second, at: request.iova,
          intermediate: GuestPhysicalAddress(request.iova.rawValue),
          isCurable: refusal.isCurable))
    case .page(let address, let rights, let shift):
      return finish(request, address, rights: rights, shift: shift, target)
    }
  }

  /// The page of memory.
  @inline(__always)
  private func finish(
    _ request: WalkRequest, _ address: UInt64, rights: UInt64, shift: UInt64,
    _ target: WalkTarget
  ) -> WalkResult {
    let stage = GuestMemoryStage(memory: memory, target: target)
    switch stage.find(address, for: .page, request) {
    case .refused(let reason, _, _, _):
      let isRange = reason == .vtd(.interruptRange)
      return .fault(
        TranslationFault(
          isLegacy && isRange ? .vtd(.legacyInterruptRange) : reason, in: .second,
          at: request.iova, intermediate: GuestPhysicalAddress(address)))
    case .page(let page):
      return .mapped(
        stage.finish(page, rights: rights | rights << 3, shift: shift, request))
    }
  }

  private func fault(_ reason: FaultReason, _ request: WalkRequest) -> TranslationFault {
    TranslationFault(reason, in: .second, at: request.iova)
  }
}

/// Where an address leads in the guest's memory.
public struct VTdPhysicalTranslation: Hashable, Sendable {
  /// The guest physical address of the byte.
  public let address: GuestPhysicalAddress
  /// What the tables allow in the mode that was asked for.
  public let permissions: DMAAccess
  /// The size of the smallest page on the way as a power of two.
  public let pageShift: UInt8
}

/// What ``VTdGuestTable/physical(_:_:updating:)`` finds.
public enum VTdPhysicalResult: Hashable, Sendable {
  /// The address leads there.
  case success(VTdPhysicalTranslation)
  /// It leads nowhere.
  case fault(TranslationFault)
}
