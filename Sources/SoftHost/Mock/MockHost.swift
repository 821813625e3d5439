import HostABI
import IOMMU

/// The mock IOMMU and its devices, which the kernel's self-tests make through `/dev/iommu`.
///
/// An optional part: a host answers these requests only when its description says so.
final class MockHost {
  init() {}
}

/// An object of the mock-device requests in a context's table: it holds a device.
final class MockObject: HostObject {
  func tearDown(in context: IOMMUContext) {}
}

/// The mock unit's page table: the mappings of its address space, in pages of 2 KiB.
final class MockDomain {
  /// The page table that it belongs to.
  weak var table: PagingHWPT?

  func setDirtyTracking(_ isOn: Bool) {}

  func forgetDirty(_ range: ClosedRange<UInt64>) {}

  func forEachDirtyPage(
    _ range: ClosedRange<UInt64>, clearing: Bool, _ visit: (UInt64, UInt64) -> Void
  ) {}
}

/// A guest's table on the mock unit: four words that stand for cached translations.
final class MockNested {
  var words: [UInt32]

  init(word: UInt32) { words = Array(repeating: word, count: 4) }
}
