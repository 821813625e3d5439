import HostABI
import Hardware
import IOMMU

/// A page table that devices can be attached to: the kernel's own or a guest's.
class PageTableObject: HostObject {
  /// Whose number space it is in.
  let context: IOMMUContext
  /// The unit of the device that it was made for.
  let unit: IOMMUUnit
  /// Whether it may serve PASIDs, or a RID beside PASIDs.
  let isPASIDCompatible: Bool
  /// Where page requests go, if they are wanted.
  var faults: FaultQueue?
  /// What tags its translations in every unit's cache; no other table has it.
  let tag: UInt32
  /// The driver, if any, that takes the table for all of its devices and PASIDs from now on.
  ///
  /// Drivers live as long as their host.
  var fitting: ObjectIdentifier?
  /// Units whose devices were attached, and whose caches may hold its translations.
  private(set) var translations: [TranslationUnit] = []
  /// The last of those that was noted.
  private var lastNoted: ObjectIdentifier?

  init(
    id: UInt32, context: IOMMUContext, unit: IOMMUUnit, isPASIDCompatible: Bool, tag: UInt32
  ) {
    self.context = context
    self.unit = unit
    self.isPASIDCompatible = isPASIDCompatible
    self.tag = tag
    super.init(id: id)
  }

  /// The kernel's own table that this one is, or rests on.
  var base: PagingHWPT? { nil }

  /// What a unit walks; `nil` when DMA goes nowhere.
  var translationTable: TranslationTable { .blocked(.vtd) }

  /// A device behind a unit is attached.
  func noteUse(by unit: TranslationUnit) {
    // It is kept, so no other unit can be where it is.
    if lastNoted == ObjectIdentifier(unit) { return }
    if !translations.contains(where: { $0 === unit }) { translations.append(unit) }
    lastNoted = ObjectIdentifier(unit)
  }

  /// Drops all cached translations.
  func forgetAll() {
    for unit in translations { unit.iotlb.invalidate(tag: tag) }
  }

  /// Drops cached translations of a range.
  func forget(_ range: ClosedRange<UInt64>) {
    let first = range.lowerBound & ~Page.mask
    let pages = (range.upperBound - first) >> 12 + 1
    for unit in translations {
      unit.iotlb.invalidate(tag: tag, from: IOVA(first), pageCount: pages)
    }
  }

  /// Waits until requests that may still use what was dropped are over.
  func drain() {
    for unit in translations { unit.drain() }
  }

  /// Answers what waits in the fault queue of an attachment that ends.
  func answerFaults(of endpoint: Endpoint, pasid: UInt32?) {
    faults?.answerAll(of: endpoint, pasid: pasid)
  }

  /// Names the queue for page requests, which must live as long as the table.
  func setFaults(_ queue: FaultQueue) {
    faults = queue
    queue.uses += 1
  }

  /// Lets go of the queue for page requests.
  func releaseFaults() {
    faults?.uses -= 1
    faults = nil
  }
}

/// A page table of the kernel's own (`HWPT_PAGING`): it shows the mappings of an address space.
final class PagingHWPT: PageTableObject {
  let ioas: AddressSpace
  let flags: HWPTFlags
  /// Made by attaching to an address space, and gone with its last attachment.
  var isAutomatic = false
  /// What the unit's driver made.
  let domain: PagingDomain
  /// Guests' tables on top, whose translations go when this table's do.
  private(set) var nested: [NestedHWPT] = []

  init(
    id: UInt32, context: IOMMUContext, ioas: AddressSpace, unit: IOMMUUnit, flags: HWPTFlags,
    domain: PagingDomain, tag: UInt32
  ) {
    self.ioas = ioas
    self.flags = flags
    self.domain = domain
    super.init(
      id: id, context: context, unit: unit, isPASIDCompatible: flags.contains(.pasid), tag: tag)
  }

  override var base: PagingHWPT? { self }
  override var translationTable: TranslationTable { domain.translationTable }

  /// The smallest page in bytes.
  var pageSize: UInt64 { domain.pageSize }
  /// Addresses that the table cannot translate.
  var unusable: [ClosedRange<UInt64>] { domain.unusable }
  /// Whether mappings that devices may only read are refused (erratum 772415 of VT-d).
  var refusesReadOnly: Bool { domain.refusesReadOnly }
  /// Whether snooping is enforced for all who use the table.
  var enforcesCoherency: Bool { domain.enforcesCoherency }

  /// Shows a mapping whose pages are held.
  func show(_ area: Area) { domain.map(area) }

  /// Hides a mapping, and waits until no device uses it any more.
  func hide(_ start: UInt64, _ last: UInt64) {
    domain.unmap(start, last)
    forget(start...last)
    if !nested.isEmpty {
      // What a guest's table makes of these addresses is not known, so all of it goes.
      for table in nested { table.forgetAll() }
      for table in nested { table.drain() }
    }
    drain()
    domain.reclaim()
  }

  /// Puts a guest's table on top.
  func addNested(_ table: NestedHWPT) { nested.append(table) }

  /// Takes a guest's table off.
  func removeNested(_ table: NestedHWPT) { nested.removeAll { $0 === table } }

  func tearDown() {
    forgetAll()
    drain()
    ioas.remove(self)
    ioas.uses -= 1
    releaseFaults()
  }
}

/// A guest's page table over a nesting parent (`HWPT_NESTED`).
final class NestedHWPT: PageTableObject {
  let parent: PagingHWPT
  /// The vIOMMU that it was made through.
  let viommu: VirtualIOMMU?
  let kind: NestedKind

  init(
    id: UInt32, context: IOMMUContext, unit: IOMMUUnit, parent: PagingHWPT,
    viommu: VirtualIOMMU?, kind: NestedKind, isPASIDCompatible: Bool, tag: UInt32
  ) {
    self.parent = parent
    self.viommu = viommu
    self.kind = kind
    super.init(
      id: id, context: context, unit: unit, isPASIDCompatible: isPASIDCompatible, tag: tag)
  }

  override var base: PagingHWPT? { parent }
  override var translationTable: TranslationTable { kind.translationTable }

  func tearDown() {
    forgetAll()
    drain()
    parent.removeNested(self)
    if let viommu { viommu.uses -= 1 } else { parent.uses -= 1 }
    releaseFaults()
  }
}
