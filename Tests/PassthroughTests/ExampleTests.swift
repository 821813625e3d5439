import Foundation
import HostABI
import Hardware
import IOMMUClient
import PCIe
import Passthrough
import SoftHost
import TestSupport
import Testing
import VirtualIOMMU

@Suite("The example for authors of VMMs")
struct ExampleTests {
  @Test("compiles and runs as it stands in the documentation")
  func runs() throws {
    let host = SoftwareHost.server()
    let kernel = host.makeProcess()
    let address = try kernel.allocate(4 << 20, [.read, .write])
    let text = try example(
      kernel: kernel, guestUnit: FakeIOMMU(), ram: address, ramSize: 4 << 20)
    let page = try String(contentsOfFile: "\(Project.root)/docs/Passthrough.md", encoding: .utf8)
    #expect(page.contains("```\n\(text)\n```"))
    #expect(host.openContextCount == 0)
  }

  @Test("stands in the documentation as it is tested")
  func documented() throws {
    let page = try String(contentsOfFile: "\(Project.root)/docs/Passthrough.md", encoding: .utf8)
    let source = try String(contentsOfFile: #filePath, encoding: .utf8)
    let marks = ["// EXAMPLE", "// END"].map { "\n" + $0 + "\n" }
    let start = try #require(source.range(of: marks[0]))
    let end = try #require(source.range(of: marks[1], range: start.upperBound..<source.endIndex))
    #expect(page.contains("```swift\n\(source[start.upperBound..<end.lowerBound])\n```"))
  }
}

// EXAMPLE
func example(
  kernel: any HostKernel, guestUnit: any GuestIOMMU, ram: UInt64, ramSize: UInt64
) throws -> String {
  // Once for each virtual machine: iommufd, and the memory that devices may reach.
  let machine = try PassthroughMachine(on: kernel)
  try machine.map(
    GuestMemoryRegion(
      at: GuestPhysicalAddress(0), byteCount: ramSize, .memory(address: ram)))

  // The guest's PCI hierarchy: a root bus behind the guest's IOMMU, and a port that passes PASIDs.
  var topology = PCITopology()
  let rootBus = try topology.addRootBus(iommu: guestUnit)
  let port = EmulatedPort.make(.rootPort, vendorID: 0x1B36, deviceID: 0x000C)
  let rootPort = try topology.add(
    PCIFunction(reading: port.physical), named: "rp0", on: rootBus, device: 1)
  guard let slot = topology.bus(behind: rootPort) else { return "a root port leads to a bus" }
  let place = try topology.add(PCIFunction(.endpoint), named: "dsa0", on: slot, device: 0)

  // Bind, attach, tell the guest's IOMMU, decide what the guest sees; or undo all of it and throw.
  var device = try machine.realise(
    DeviceRequest("dsa0", from: .node("/dev/vfio/devices/vfio0"), at: place), in: topology)
  let decisions = "\(device.attachment)\n\(device.synthesis)"

  // From then on: the guest's accesses to config space, and page requests when there are some.
  if let offset = device.synthesis.offset {
    let outcome = device.writeConfig(1, .word, at: offset + 6)
    if outcome.changes.pasidControl?.new.isEnabled == true {
      // The guest's unit calls device.backend as the guest attaches PASIDs.
    }
  }
  if device.pageRequestDescriptor != nil { try device.deliverPageRequests() }

  // Migration: the state travels; the other side refuses it by the bytes that differ.
  let state = device.state()
  try device.restore(state)
  device.unrealise()
  return decisions
}
// END
