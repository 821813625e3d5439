import HostABI
import HostSystem
import Synchronization
import Testing

@testable import SoftHost

@Suite("What mock objects leave behind")
struct MockLifetimeTests {
  /// Sees whether objects are still there; used by one thread.
  private final class Probe: @unchecked Sendable {
    weak var context: IOMMUContext?
    weak var device: PhysicalDevice?
  }

  @Test("Nothing of a context stays after its last descriptor")
  func contexts() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let memory = try machine.pages(2)
    let iova = try machine.map(ioas, memory, 0x2000)
    let parent = try machine.table(device, on: ioas, [.nestParent, .pasid])
    let data = try machine.place(MockVIOMMUData { $0.input = 1 })
    let viommu = try machine.viommu(device, on: parent, data: data, length: 24)
    _ = try machine.vdevice(device, in: viommu, as: 1)
    let nested = try machine.nested(device, on: viommu, .pasid)
    _ = try machine.move(device, to: nested)
    try machine.pasid(.attachPASID, device, 3, parent)
    _ = try machine.hardwareQueue(viommu, 0, iova, 0x1000)
    _ = try machine.hardwareQueue(viommu, 1, iova, 0x1000)
    let access = try machine.mock(MockAccessArgument.self) {
      $0.id = ioas
      $0.flags = MockBits.accessNeedsPins
    }.outDescriptor
    try machine.mock(MockPinArgument.self) {
      $0.id = access
      $0.iova = iova
      $0.length = 0x2000
    }
    let probe = Probe()
    machine.host.state.withLock { state in
      probe.context = state.contexts.first
      if case .mock(let holder)? = state.contexts.first?.slot(device.holder) {
        probe.device = holder.device.physical
      }
    }
    #expect(probe.context != nil && probe.device != nil)
    try machine.program.close(machine.context)
    // The access holds the context.
    #expect(machine.host.openContextCount == 1)
    try machine.program.close(Int32(bitPattern: access))
    #expect(machine.host.openContextCount == 0)
    #expect(probe.context == nil)
    #expect(probe.device == nil)
  }

  @Test("Numbers of unplugged devices and of their groups are used again")
  func unplugging() throws {
    let machine = try MockMachine()
    let ioas = try machine.ioas()
    for _ in 0..<100 {
      let device = try machine.device(on: ioas)
      try machine.destroy(device.holder)
    }
    let device = try machine.device(on: ioas)
    machine.host.state.withLock { state in
      guard case .mock(let holder)? = state.contexts.first?.slot(device.holder) else {
        Issue.record("no holder")
        return
      }
      #expect(holder.device.physical.index == 0)
      #expect(state.contexts.first?.groups.count == 1)
    }
  }

  @Test("A file's last byte may be the last there is, and no mapping is longer than memory")
  func fileEdges() throws {
    let machine = try MockMachine()
    let ioas = try machine.ioas()
    let file = try machine.program.makeMemoryFile(0x4000)
    let other = try machine.program.makeEventCounter()
    func map(_ descriptor: Int32, _ start: UInt64, _ length: UInt64) throws -> UInt64 {
      try machine.send(.ioasMapFile, IOASMapFileArgument.self) {
        $0.flags = MapFlags.readable.rawValue
        $0.ioasID = ioas
        $0.descriptor = descriptor
        $0.start = start
        $0.length = length
      }.iova
    }
    #expect(try map(file, .max, 1) == 0x1FFF)
    #expect(errno { _ = try map(file, .max, 2) } == .EOVERFLOW)
    #expect(errno { _ = try map(file, 0, .max - 4094) } == .EINVAL)
    // What the file holds is looked at only when a device could have it.
    let fresh = try machine.ioas()
    let iova = try machine.send(.ioasMapFile, IOASMapFileArgument.self) {
      $0.flags = MapFlags.readable.rawValue
      $0.ioasID = fresh
      $0.descriptor = other
      $0.start = 0x1000
      $0.length = 0x2000
    }.iova
    #expect(iova == 0x1000)
    #expect(errno { _ = try machine.device(on: ioas) } == .EADDRINUSE)
  }
}
