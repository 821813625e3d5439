import HostABI
import Hardware
import IOMMU
import PCIe

/// The mock IOMMU and its devices, which the kernel's self-tests make through `/dev/iommu`.
///
/// An optional part: a host answers these requests only when its description says so. Mock devices
/// make no DMA; what they would reach is looked up by requests.
final class MockHost {
  let driver = MockDriver()
  /// All mock devices stand behind this one unit.
  let unit: IOMMUUnit
  /// The number of the first device's group; groups of real devices have lower ones.
  private let firstGroup: Int
  private var numbers = IDAllocator()

  init(unitIndex: Int, firstGroup: Int) {
    unit = IOMMUUnit(index: unitIndex, driver: driver, translation: TranslationUnit())
    self.firstGroup = firstGroup
  }

  /// Makes a device, alone in a group of its own.
  ///
  /// - Returns: The group, which keeps the device.
  /// - Throws: `EINVAL` for an unknown flag.
  func plug(_ flags: MockDeviceFlags) throws(LinuxErrno) -> IOMMUGroup {
    guard flags.isSubset(of: .known) else { throw .EINVAL }
    let index = Int(try numbers.allocate(in: 0...(.max)))
    let group = IOMMUGroup(number: firstGroup &+ index)
    let endpoint = Endpoint(
      requester: RequesterID(segment: 0, bus: 0, devfn: 0), unit: unit.translation,
      deviceIndex: index)
    let device = PhysicalDevice(
      index: index, unit: unit, group: group, parent: nil, endpoint: endpoint,
      facts: DeviceFacts(
        // Without the flag the device states 0 bits of PASIDs, which is one: number 0.
        maxPASIDs: flags.contains(.pasid) ? 1 << UInt32(MockIOMMU.pasidWidth) : 1,
        tracksDirtyPages: !flags.contains(.noDirtyTracking)),
      reservedRanges: [])
    group.devices = [device]
    driver.add(device)
    return group
  }

  /// Takes a device away; nothing is attached and no context has it bound.
  func unplug(_ group: IOMMUGroup) {
    for device in group.devices {
      driver.remove(device)
      _ = numbers.free(UInt32(device.index))
    }
    group.devices = []
  }
}
