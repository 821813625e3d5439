import Hardware

/// A guest's SMMUv3 stream over a paging table of the host: its stream table entry, the context
/// descriptors that leads to, and their page tables.
///
/// Context descriptors and tables are guest memory: read at each walk (or kept by a unit until
/// `CFGI_CD`), never trusted, always bounded. SMMUv3 §3.3, §3.4, §5.2, §5.4, §7.3.
///
/// Not modelled: 52-bit input addresses, HAFT, stage 2 device memory (S2PTW), and that global pages
/// survive invalidations by ASID, which a unit may forget as it likes.
public final class SMMUStreamTable: Sendable {
  /// Stage 2.
  public let parent: PagingTable
  /// What the guest wrote.
  public let entry: SMMUStreamTableEntry
  /// What the unit can do.
  public let features: SMMUFeatures

  /// Makes a stream.
  ///
  /// - Parameters:
  ///   - parent: Stage 2.
  ///   - entry: What the guest wrote; any bits. An entry that is not valid aborts in silence, as
  ///     iommufd makes of it.
  ///   - features: What the unit can do.
  public init(
    parent: PagingTable, entry: SMMUStreamTableEntry, features: SMMUFeatures = SMMUFeatures()
  ) {
    self.parent = parent
    self.entry = entry
    self.features = features
  }

  /// What becomes of a request before any table is read.
  enum Route {
    case fault(SMMUEventID)
    /// Stage 2 alone.
    case bypass
    /// Stage 1 with the context descriptor of this number.
    case descriptor(UInt32)
  }

  /// What becomes of requests with or without a substream ID.
  func route(_ substream: PASID?) -> Route {
    guard entry.isValid else { return .fault(.none) }
    switch entry.configuration {
    case 0: return .fault(.none)
    case 4: return substream == nil ? .bypass : .fault(.badSubstreamID)
    case 5: break
    default: return .fault(.badSTE)
    }
    let bits = entry.substreamBits
    guard bits > 0 else { return substream == nil ? .descriptor(0) : .fault(.badSubstreamID) }
    guard bits <= UInt64(features.substreamBits), entry.tableFormat < 3,
      entry.tableFormat == 0 || features.hasTwoLevelTables, entry.defaultSubstream < 3
    else { return .fault(.badSTE) }
    guard let substream else {
      switch entry.defaultSubstream {
      case 0: return .fault(.streamDisabled)
      case 1: return .bypass
      default: return .descriptor(0)
      }
    }
    guard UInt64(substream.rawValue) >> bits == 0 else { return .fault(.badSubstreamID) }
    // With S1DSS = 2, number 0 is for requests without substream ID.
    guard substream.rawValue > 0 || entry.defaultSubstream != 2 else {
      return .fault(.streamDisabled)
    }
    return .descriptor(substream.rawValue)
  }

  /// What was found instead of a context descriptor or a translation.
  enum Found<Value: BitwiseCopyable> {
    case value(Value)
    case fault(TranslationFault)
  }

  /// Reads a context descriptor from guest memory.
  func fetchDescriptor(_ substream: UInt32, for iova: IOVA) -> Found<SMMUContextDescriptor> {
    var place = entry.contextPointer
    if entry.substreamBits == 0 || entry.tableFormat == 0 {
      place &+= UInt64(substream) << 6
    } else {
      let split: UInt64 = entry.tableFormat == 1 ? 6 : 10
      let upper: UInt64
      switch load(place &+ (UInt64(substream) >> split) << 3, iova) {
      case .fault(let fault): return .fault(fault)
      case .value(let value): upper = value
      }
      guard upper & 1 != 0 else { return .fault(configuration(.badSubstreamID, iova)) }
      let leafMask: UInt64 = entry.tableFormat == 1 ? ~0xFFF : ~0xFFFF
      place = upper & 0x000F_FFFF_FFFF_F000 & leafMask
      place &+= (UInt64(substream) & ((1 << split) &- 1)) << 6
    }
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    for index in 0..<3 as Range<UInt64> {
      switch load(place &+ index << 3, iova) {
      case .fault(let fault): return .fault(fault)
      case .value(let value):
        if index == 0 { words.0 = value } else if index == 1 { words.1 = value }
        if index == 2 { words.2 = value }
      }
    }
    let descriptor = SMMUContextDescriptor(word0: words.0, word1: words.1, word2: words.2)
    guard descriptor.isSound(features, forbidsStalls: entry.forbidsStalls) else {
      return .fault(configuration(.badContextDescriptor, iova))
    }
    return .value(descriptor)
  }

  /// Reads a word of the configuration through stage 2.
  private func load(_ place: UInt64, _ iova: IOVA) -> Found<UInt64> {
    let leaf = parent.isTooWide(place) ? 0 : parent.leaf(place)
    guard leaf & PagingEntry.read != 0 else {
      return .fault(
        TranslationFault(
          .smmu(leaf == 0 ? .translation : .permission, .contextDescriptor), in: .second,
          at: iova, intermediate: GuestPhysicalAddress(place), handling: [.isRecorded, .aborts]))
    }
    let host = leaf & TranslationWord.hostMask | place & 0xFF8
    if host >> 52 == 0 { return .value(HostMemory.load(host)) }
    guard let value = parent.foreign?.load(at: HostAddress(rawValue: host)) else {
      return .fault(configuration(.contextDescriptorFetch, iova))
    }
    return .value(value)
  }

  /// A fault of the configuration: always recorded, except for the silent abort.
  func configuration(_ event: SMMUEventID, _ iova: IOVA) -> TranslationFault {
    TranslationFault(
      .smmu(event, .contextDescriptor), in: .configuration, at: iova,
      handling: event == .none ? .aborts : [.isRecorded, .aborts])
  }
}
