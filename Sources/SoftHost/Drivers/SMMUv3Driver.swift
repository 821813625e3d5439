import HostABI
import HostSystem
import Hardware
import IOMMU

/// Identification registers of an SMMUv3 (facts, section 1 of `smmuv3`).
public struct SMMUv3Registers: Hashable, Sendable {
  /// IDR0: stages, table format, ATS, stall and termination model, stream table levels.
  public var idr0: UInt32
  /// IDR1: sizes of stream and substream IDs and of queues.
  public var idr1: UInt32
  /// IDR3: range invalidation, forced write-back.
  public var idr3: UInt32
  /// IDR5: output size and granules.
  public var idr5: UInt32
  /// IIDR.
  public var iidr: UInt32
  /// AIDR.
  public var aidr: UInt32

  /// Describes a unit.
  ///
  /// - Parameters:
  ///   - idr0: IDR0.
  ///   - idr1: IDR1.
  ///   - idr3: IDR3.
  ///   - idr5: IDR5.
  ///   - iidr: IIDR.
  ///   - aidr: AIDR.
  public init(
    idr0: UInt32, idr1: UInt32, idr3: UInt32, idr5: UInt32, iidr: UInt32 = 0, aidr: UInt32 = 0
  ) {
    self.idr0 = idr0
    self.idr1 = idr1
    self.idr3 = idr3
    self.idr5 = idr5
    self.iidr = iidr
    self.aidr = aidr
  }

  /// A unit like those of servers with PASIDs: both stages, 20 substream bits, two-level tables, ATS,
  /// PRI, stalls, hardware access and dirty flags, forced write-back, 48 bits, all granules.
  public static let server = Self(
    idr0: 1 | 1 << 1 | 2 << 2 | 1 << 4 | 2 << 6 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 16
      | 1 << 18 | 1 << 19 | 2 << 21 | 1 << 27,
    idr1: 32 | 20 << 6 | 12 << 11 | 12 << 16 | 12 << 21,
    idr3: 1 << 8 | 1 << 10 | 2 << 11,
    idr5: 5 | 1 << 4 | 1 << 5 | 1 << 6)

  var hasStage1: Bool { idr0 >> 1 & 1 == 1 }
  var hasStage2: Bool { idr0 & 1 == 1 }
  var hasATS: Bool { idr0 >> 10 & 1 == 1 }
  var substreamBits: UInt32 { min(idr1 >> 6 & 0x1F, 20) }
  var forcesWriteBack: Bool { idr3 >> 8 & 1 == 1 }
  /// Bits of an output address.
  var outputBits: Int {
    let sizes = [32, 36, 40, 42, 44, 48, 52]
    return sizes[min(Int(idr5 & 7), sizes.count - 1)]
  }
  /// Whether the unit sets dirty state.
  var notesDirtyPages: Bool { idr0 >> 6 & 3 >= 2 && hasStage1 }
  /// What stage 1 depends on.
  var features: SMMUFeatures {
    SMMUFeatures(
      substreamBits: Int(substreamBits), outputBits: outputBits,
      granules: SMMUFeatures.Granules(rawValue: UInt8(idr5 >> 4 & 7)),
      hasTwoLevelTables: idr0 >> 19 & 1 == 1,
      hardwareUpdates: SMMUFeatures.HardwareUpdates(rawValue: UInt8(min(idr0 >> 6 & 3, 2)))
        ?? .none,
      stallModel: SMMUFeatures.StallModel(rawValue: UInt8(min(idr0 >> 24 & 3, 2)))
        ?? .stallOrTerminate,
      alwaysAborts: idr0 >> 26 & 1 == 1)
  }
}

/// Linux's driver for SMMUv3 (facts, sections 2.10, 4.8 and 5.2).
final class SMMUv3Driver: UnitDriver {
  let registers: SMMUv3Registers
  let name = "arm-smmu-v3"

  /// Who answers for pages that are not mapped here.
  private let foreign: (any ForeignMemory)?

  init(_ registers: SMMUv3Registers, foreign: (any ForeignMemory)?) {
    self.registers = registers
    self.foreign = foreign
  }

  var tracksDirtyPages: Bool { registers.notesDirtyPages }
  var nestsThroughVIOMMU: Bool { true }
  var supportsATS: Bool { registers.hasATS }
  var maxPASIDs: UInt32 { 1 << registers.substreamBits }
  /// The window for software MSIs.
  var reservedRanges: [ClosedRange<UInt64>] { [0x800_0000...0x80F_FFFF] }

  func makeDomain(
    _ flags: HWPTFlags, _ data: VendorData?, for device: DeviceObject
  ) throws(LinuxErrno) -> PagingDomain {
    if data != nil { throw .EOPNOTSUPP }
    let isStage2: Bool
    switch flags {
    case []: isStage2 = !registers.hasStage1
    case .nestParent:
      guard registers.hasStage1, registers.hasStage2 else { throw .EOPNOTSUPP }
      isStage2 = true
    case .dirtyTracking, .pasid, [.dirtyTracking, .pasid]:
      guard registers.hasStage1 else { throw .EOPNOTSUPP }
      isStage2 = false
    default: throw .EOPNOTSUPP
    }
    let width = isStage2 ? min(registers.outputBits, 48) : 48
    return PagingDomain(
      .radix(PagingTable(levels: 4, dialect: .smmuv3, foreign: foreign)), pageSize: Page.size,
      aperture: 0...(1 << UInt64(width)) - 1, refusesReadOnly: false,
      enforcesCoherency: enforcesCoherency)
  }

  func makeNested(
    _ parent: PagingHWPT, _ flags: HWPTFlags, _ data: VendorData, viommu: VirtualIOMMU?
  ) throws(LinuxErrno) -> NestedKind {
    guard flags.isEmpty else { throw .EOPNOTSUPP }
    guard data.type == HWPTDataType.armSMMUv3 else { throw .EINVAL }
    let words = try data.exactly(SMMUv3Stage1.self)
    guard let stage2 = parent.domain.table else { throw .EINVAL }
    guard words.word0 & 1 == 1 else {
      return .smmu(SMMUStreamKind(stage2, words, SMMUStreamTableEntry(word0: 0, word1: 0), self))
    }
    let configuration = words.word0 >> 1 & 7
    guard words.word0 & ~0xF80F_FFFF_FFFF_FFFF == 0, words.word1 & ~0x3800_00FF == 0,
      configuration == 0 || configuration == 4 || configuration == 5,
      words.word1 >> 28 & 3 <= 1
    else { throw .EIO }
    let entry = SMMUStreamTableEntry(word0: words.word0, word1: words.word1)
    return .smmu(SMMUStreamKind(stage2, words, entry, self))
  }

  func hardwareInfo(type: UInt32) throws(LinuxErrno) -> (type: UInt32, bytes: [UInt8]) {
    guard type == HardwareInfoType.none || type == HardwareInfoType.armSMMUv3 else {
      throw .EOPNOTSUPP
    }
    let info = SMMUv3HardwareInfo {
      $0.idr0 = registers.idr0
      $0.idr1 = registers.idr1
      $0.idr3 = registers.idr3
      $0.idr5 = registers.idr5
      $0.iidr = registers.iidr
      $0.aidr = registers.aidr
    }
    return (HardwareInfoType.armSMMUv3, StructureBytes.bytes(of: info))
  }

  func check(
    _ table: PageTableObject, _ device: DeviceObject, pasid: UInt32
  ) throws(LinuxErrno) {
    guard table.unit === device.unit else { throw .EINVAL }
    // A stream has one owner of its context descriptors: the kernel's PASIDs leave with none other.
    let isKernelStage1 = !(table is NestedHWPT) && !(table.base?.flags ?? []).contains(.nestParent)
    if pasid == 0, !isKernelStage1, device.attachments.hasPASIDs { throw .EBUSY }
    if pasid != 0, let rid = device.attachments.tableID(0),
      let current = device.context.pageTable(rid),
      current is NestedHWPT || (current.base?.flags ?? []).contains(.nestParent)
    {
      throw .EINVAL
    }
    guard let nested = table as? NestedHWPT, case .smmu(let stream) = nested.kind else { return }
    if stream.entry.isValid, stream.entry.configuration == 5, device.vdevice == nil {
      throw .ENOENT
    }
  }

  func checkPASID(_ table: PageTableObject) throws(LinuxErrno) {
    guard !(table is NestedHWPT) else { throw .EOPNOTSUPP }
  }

  func invalidate(
    _ table: NestedHWPT, _ array: EntryArray, done: inout UInt32
  ) throws(LinuxErrno) { throw .EOPNOTSUPP }

  func checkVIOMMU(type: UInt32, _ device: DeviceObject) throws(LinuxErrno) {
    guard type == VIOMMUType.armSMMUv3, registers.hasStage1, registers.hasStage2,
      registers.forcesWriteBack
    else { throw .EOPNOTSUPP }
  }

  func invalidate(
    _ viommu: VirtualIOMMU, _ array: EntryArray, done: inout UInt32
  ) throws(LinuxErrno) {
    // No entries are a question after the type in the header; this driver refuses them in Linux 7.2.
    guard array.type == InvalidateDataType.armSMMUv3, array.count > 0 else { throw .EINVAL }
    // The kernel copies the whole array before it looks at a command.
    var commands: [SMMUv3Invalidation] = []
    for index in 0..<array.count {
      commands.append(try array.adapted(SMMUv3Invalidation.self, index))
    }
    var work = InvalidationWork()
    defer {
      if work.isTooMuch { viommu.unit.translation.iotlb.invalidate(tag: viommu.tag) }
      viommu.context.host.drain()
    }
    for command in commands {
      try carryOut(command, viommu, &work)
      done += 1
    }
  }

  /// One command of the guest; `EIO` for one that guests may not give.
  ///
  /// Linux issues commands in batches and counts those of a refused batch as done without issuing
  /// them; here each one that is counted was carried out.
  private func carryOut(
    _ command: SMMUv3Invalidation, _ viommu: VirtualIOMMU, _ work: inout InvalidationWork
  ) throws(LinuxErrno) {
    let cache = viommu.unit.translation.iotlb
    let asid = UInt16(truncatingIfNeeded: command.word0 >> 48)
    let address = IOVA(command.word1 & ~Page.mask)
    switch command.word0 & 0xFF {
    case 0x30, 0x10: cache.invalidate(tag: viommu.tag)
    case 0x11: cache.invalidate(tag: viommu.tag, asid: asid)
    case 0x12:
      guard work.begin(pageCount(command)) else { return }
      cache.invalidate(
        tag: viommu.tag, asid: asid, from: address, pageCount: pageCount(command))
    case 0x13:
      // Without an ASID the whole cache is looked through.
      guard work.begin(.max) else { return }
      cache.invalidate(
        tag: viommu.tag, asid: nil, from: address, pageCount: pageCount(command))
    case 0x05, 0x06, 0x40:
      guard let device = viommu.devices[command.word0 >> 32]?.device else { throw .EIO }
      let stream = UInt32(device.physical.index)
      if command.word0 & 0xFF == 0x05 {
        let substream = UInt32(command.word0 >> 12 & 0xF_FFFF)
        viommu.unit.translation.contextDescriptors.invalidate(
          stream: stream, substream: substream)
      } else if command.word0 & 0xFF == 0x06 {
        viommu.unit.translation.contextDescriptors.invalidate(stream: stream)
      }
    default: throw .EIO
    }
  }

  /// How many pages a TLBI by address covers, by its range fields if it has any.
  private func pageCount(_ command: SMMUv3Invalidation) -> UInt64 {
    let granule = command.word1 >> 10 & 3
    guard granule != 0 else {
      // Without a granule one address is meant, whose page may be the largest granule's.
      return 16
    }
    let number = command.word0 >> 12 & 0x1F
    let scale = command.word0 >> 20 & 0x1F
    return (number + 1) << (min(scale, 39) + 2 * (granule - 1))
  }
}

/// A guest's stream as the driver keeps it.
final class SMMUStreamKind {
  let table: SMMUStreamTable
  let words: SMMUv3Stage1
  let entry: SMMUStreamTableEntry

  init(
    _ parent: PagingTable, _ words: SMMUv3Stage1, _ entry: SMMUStreamTableEntry,
    _ driver: SMMUv3Driver
  ) {
    self.words = words
    self.entry = entry
    table = SMMUStreamTable(
      parent: parent, entry: entry, features: driver.registers.features)
  }

  /// What a unit walks.
  var translationTable: TranslationTable { .smmuStream(table) }
}
