public import Hardware

/// A second-stage entry of a guest.
///
/// VT-d §9.8.
struct VTdSecondStageEntry: BitRegister {
  var rawValue: UInt64

  init(rawValue: UInt64) { self.rawValue = rawValue }

  static let accessed: UInt64 = 1 << 8
  static let dirty: UInt64 = 1 << 9

  /// R, W and X in bits 2:0.
  var rights: UInt64 { rawValue & 7 }
  var isPresent: Bool { rawValue & 3 != 0 }
  var isLarge: Bool { self[7] }
  var isDirty: Bool { self[9] }
  /// Bits 51:12.
  var address: UInt64 { rawValue & 0x000F_FFFF_FFFF_F000 }
}

/// A second stage that a guest keeps in its own memory.
///
/// VT-d §3.7, §9.8.
public struct VTdSecondStage: Hashable, Sendable, BitwiseCopyable {
  /// What a second stage is used with.
  @frozen
  public struct Options: OptionSet, Hashable, Sendable, BitwiseCopyable {
    /// The flags.
    public let rawValue: UInt8
    /// Makes a set from its flags.
    ///
    /// - Parameter rawValue: The flags.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// SLADE: accessed and dirty bits are set.
    public static var dirty: Self { Self(rawValue: 1) }
    /// SLEE: entries say what may be executed.
    public static var execute: Self { Self(rawValue: 2) }
    /// Faults have the numbers of legacy mode.
    public static var legacy: Self { Self(rawValue: 4) }
    /// Bit 11 of leaves is snoop control rather than reserved.
    public static var snoop: Self { Self(rawValue: 8) }
    /// There are pages of 2 MiB.
    public static var pages2MiB: Self { Self(rawValue: 16) }
    /// There are pages of 1 GiB.
    public static var pages1GiB: Self { Self(rawValue: 32) }
  }

  let root: UInt64
  let topShift: UInt64
  let options: Options
  /// Address bits from the unit's host address width up to 51.
  let reserved: UInt64
  /// How many bits an input has at most.
  let inputWidth: UInt64

  /// Describes a second stage.
  ///
  /// - Parameters:
  ///   - root: Where the top table is; bits 11:0 are dropped.
  ///   - levels: 3, 4 or 5; anything else is a bug and traps.
  ///   - options: What it is used with.
  ///   - hostAddressWidth: Entries with address bits above it are refused; 32 to 52.
  ///   - inputWidth: Inputs with bits above it are refused, as are those the levels do not take.
  public init(
    root: GuestPhysicalAddress, levels: Int, options: Options = [.pages2MiB, .pages1GiB],
    hostAddressWidth: Int = 52, inputWidth: Int = 64
  ) {
    precondition((3...5).contains(levels), "a second stage has 3, 4 or 5 levels")
    precondition((32...52).contains(hostAddressWidth), "no such host address width")
    self.root = root.rawValue & ~0xFFF
    topShift = UInt64(12 + 9 * (levels - 1))
    self.options = options
    reserved = (1 << 52) &- (1 << UInt64(hostAddressWidth))
    self.inputWidth = UInt64(min(12 + 9 * levels, max(12, inputWidth)))
  }

  /// What a walk of it finds.
  enum Found: BitwiseCopyable {
    /// The guest physical address; what all levels allow; the page's size as a power of two.
    case page(UInt64, rights: UInt64, shift: UInt64)
    case refused(SecondStageRefusal)
  }

  /// Walks the tables.
  ///
  /// - Parameters:
  ///   - address: The input.
  ///   - needed: The rights that it takes: read, write, execute.
  ///   - updating: Whether accessed and dirty bits are set.
  ///   - memory: Where the tables are.
  /// - Returns: What is found; a right to write that would first need a dirty bit is left out.
  @inline(__always)
  func walk(_ address: UInt64, needed: UInt64, updating: Bool, _ memory: PagingTable) -> Found {
    guard address >> inputWidth == 0 else { return .refused(.tooWide) }
    var table = root
    var shift = topShift
    var rights: UInt64 = options.contains(.execute) ? 7 : 3
    let needed = options.contains(.execute) ? needed : needed & 3 | needed >> 2 & 1
    while true {
      let place = table | (address >> shift & 511) << 3
      guard !memory.isTooWide(place) else { return .refused(fetch(shift)) }
      let leaf = memory.leaf(place)
      let host = leaf & TranslationWord.hostMask | place & 0xFF8
      guard leaf & PagingEntry.read != 0, var raw = TableWord.load(host, memory) else {
        return .refused(fetch(shift))
      }
      var attempt = 0
      while true {
        let entry = VTdSecondStageEntry(rawValue: raw)
        guard entry.isPresent else { return .refused(.absent) }
        let allowed = rights & entry.rights
        guard needed & ~allowed == 0 else { return .refused(.denied) }
        let isLeaf = shift == 12 || entry.isLarge
        guard isSound(raw, shift, isLeaf) else { return .refused(.reserved) }
        var new = raw
        if options.contains(.dirty) {
          new |= VTdSecondStageEntry.accessed
          if isLeaf && needed & 2 != 0 { new |= VTdSecondStageEntry.dirty }
        }
        if new != raw && updating {
          guard leaf & PagingEntry.write != 0,
            let isReplaced = TableWord.compareExchange(host, raw, new, memory),
            attempt < TableWord.attempts
          else { return .refused(.update) }
          guard isReplaced else {
            guard let again = TableWord.load(host, memory) else { return .refused(fetch(shift)) }
            (raw, attempt) = (again, attempt + 1)
            continue
          }
          _ = memory.rights(noting: leaf, at: place, isWrite: true, updating: true)
        }
        rights = allowed
        if isLeaf {
          let offset = (1 << shift) &- 1 as UInt64
          // Without a dirty bit the right to write is not handed out for keeping.
          let isNoted = !options.contains(.dirty) || entry.isDirty || needed & 2 != 0
          if !isNoted { rights &= ~2 }
          if !options.contains(.execute) { rights |= (rights & 1) << 2 }
          return .page(entry.address & ~offset | address & offset, rights: rights, shift: shift)
        }
        table = entry.address
        break
      }
      shift &-= 9
    }
  }

  /// Whether no bit is set that has to be zero.
  @inline(__always)
  private func isSound(_ raw: UInt64, _ shift: UInt64, _ isLeaf: Bool) -> Bool {
    var forbidden = reserved
    if isLeaf {
      if shift > 12 {
        forbidden |= ((1 << shift) &- 1) & ~0xFFF
        let isKnown =
          shift == 21 && options.contains(.pages2MiB)
          || shift == 30 && options.contains(.pages1GiB)
        if !isKnown { forbidden |= 1 << 7 }
      }
      if !options.contains(.snoop) { forbidden |= 1 << 11 }
    }
    return raw & forbidden == 0
  }

  private func fetch(_ shift: UInt64) -> SecondStageRefusal {
    shift == topShift ? .topFetch : .fetch
  }

  /// The reason of a refusal for the page that is asked for.
  func reason(_ refusal: SecondStageRefusal, isWrite: Bool) -> VTdFaultReason {
    let isLegacy = options.contains(.legacy)
    return switch refusal {
    case .tooWide: isLegacy ? .legacyInputTooWide : .inputTooWide
    case .absent, .denied:
      !isLegacy ? .secondStagePermission : isWrite ? .legacyWriteDenied : .legacyReadDenied
    case .reserved: isLegacy ? .legacyEntryReserved : .secondStageReserved
    case .topFetch: isLegacy ? .legacyContextInvalid : .secondStageTopFetch
    case .fetch, .update: isLegacy ? .legacyTableFetch : .secondStageEntryFetch
    }
  }
}

/// Why a guest's second stage refuses an address.
enum SecondStageRefusal: BitwiseCopyable {
  /// It is wider than the stage takes.
  case tooWide
  /// An entry allows nothing.
  case absent
  /// An entry lacks the right.
  case denied
  /// A reserved bit is set.
  case reserved
  /// The top table cannot be read.
  case topFetch
  /// Another table cannot be read.
  case fetch
  /// An accessed or dirty bit cannot be set.
  case update

  /// Whether whoever owns the tables can make the page present.
  var isCurable: Bool {
    switch self {
    case .absent, .denied: true
    default: false
    }
  }
}
