import DeviceModels
import Hardware
import IOMMU
import Testing
import VFIOUser
import VirtualIOMMU

@testable import Serving

@Suite("A device without a unit in front of it")
struct PlainPortTests {
  @Test("a page request that nobody can answer is refused, and does not wait")
  func pageRequest() throws {
    let memory = ServedMemory()
    let unit = VTdUnit(
      try VTdConfiguration(), memory: memory.memory,
      interrupts: MessageRoutes(of: "iommu", trace: SampleTrace()))
    let port = ServedPort(
      "device",
      unit.endpoint(at: RequesterID(sourceID: 0x40), translatedBy: unit.makeTranslator()),
      memory: memory.memory,
      ServedInterrupts(
        UserDeviceInformation(name: "device", regions: [], interrupts: [.init(count: 0)])),
      counts: ServedCounts(), trace: SampleTrace())
    port.setControls([.busMaster, .pasid, .pageRequests])
    for group in 0..<3 as Range<UInt16> {
      #expect(
        !port.request(
          PageRequest(IOVA(0x1000), pasid: PASID(rawValue: 5), .read, group: group)))
    }
    #expect(port.waiting.count == 0)
  }
}
