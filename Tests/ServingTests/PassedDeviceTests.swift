import GuestSupport
import HostABI
import HostLab
import HostSystem
import Hardware
import IOMMU
import PCIe
import Passthrough
import Serving
import SoftHost
import Testing
import VFIOUser
import VirtualIOMMU

@Suite("A VFIO device of the host behind a socket")
struct PassedDeviceTests {
  @Test("tells what VFIO tells, and shows the PASID capability that the unit can serve")
  func information() throws {
    let machine = try PassedMachine()
    let told = machine.device.information
    #expect(told.regions.count == 9 && told.interrupts.count == 5)
    #expect(told.regions[0].byteCount == 65536 && told.regions[2].byteCount == 131072)
    #expect(told.regions[7].byteCount == 4096 && told.regions[7].flags == [.read, .write])
    #expect(told.interrupts.map(\.count)[2] == 9)
    #expect(try machine.config(0, 4) == 0x0B25_8086)
    let pasid = try #require(try machine.find(0x1B))
    #expect(machine.device.synthesis.offset == pasid)
    #expect(try machine.find(0x0F) != nil && machine.find(0x13) != nil)
    // Bytes, words and the whole agree.
    var whole = [UInt8](repeating: 0, count: 4096)
    var span = whole.mutableSpan
    try machine.device.read(7, at: 0, into: &span)
    for offset in stride(from: 0, to: 4096, by: 61) {
      #expect(try machine.config(offset, 1) == UInt64(whole[offset]))
    }
    #expect(throws: LinuxErrno.ENODEV) { try machine.device.write(9, at: 0, [0].span) }
  }

  @Test("Its registers are the device's")
  func registers() throws {
    let machine = try PassedMachine()
    try machine.setConfig(2, 4, 2)
    let value: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    try machine.device.write(0, at: 0x100, value.span)
    var back = [UInt8](repeating: 0, count: 8)
    var span = back.mutableSpan
    try machine.device.read(0, at: 0x100, into: &span)
    #expect(back == value)
    try machine.setConfig(0, 4, 2)
    #expect(throws: LinuxErrno.EIO) {
      var again = [UInt8](repeating: 0, count: 4)
      var span = again.mutableSpan
      try machine.device.read(0, at: 0, into: &span)
    }
  }

  @Test("Its DMA goes through the guest's tables to the client's memory, and faults without them")
  func nesting() throws {
    let machine = try PassedMachine()
    machine.device.attached(to: SilentPeer())
    try machine.device.map(machine.mapping())
    let pasid = try #require(try machine.find(0x1B))
    try machine.setConfig(1, pasid + 6, 2)
    #expect(machine.trace.all.contains(.controls("PASID")))
    let directory = try machine.start()
    machine.driver[0x5000] = 42
    #expect(machine.read(0x5000) == 42, "requests without a PASID pass through")
    let processes = (1...3).map { machine.driver.process(UInt64(100 + $0)) }
    for (index, process) in processes.enumerated() {
      #expect(machine.attach(UInt32(7 + index), directory, root: process.root))
    }
    for (index, process) in processes.enumerated() {
      let number = UInt32(7 + index)
      #expect(machine.read(0x7000, pasid: number) == UInt64(101 + index))
      #expect(machine.write(0xABCD, 0x7008, pasid: number))
      #expect(machine.driver[process.page + 8] == 0xABCD)
    }
    #expect(machine.read(0x7000, pasid: 99) == nil && machine.read(0x9000, pasid: 7) == nil)
    machine.driver.clear(7, directory)
    let flush: (UInt64, UInt64) = (7 | 1 << 4 | 1 << 16 | 7 << 32, 0)
    #expect(machine.driver.submit([flush]))
    #expect(machine.read(0x7000, pasid: 7) == nil && machine.read(0x7000, pasid: 8) == 102)
    #expect(machine.host.units.allSatisfy { $0.staleHitCount == 0 })
  }

  @Test("Memory that the client takes away is out of reach, whichever way it was mapped")
  func unmapping() throws {
    let machine = try PassedMachine(isBehindUnit: false)
    #expect(try machine.find(0x1B) == nil, "no unit, no PASIDs")
    try machine.setConfig(6, 4, 2)
    let half = PassedMachine.size / 2
    try machine.device.map(machine.mapping(0..<half))
    try machine.device.map(machine.mapping(half..<PassedMachine.size, isWritable: false))
    #expect(machine.write(5, 0x1000) && machine.read(0x1000) == 5)
    #expect(machine.read(half) == 0 && !machine.write(5, half))
    #expect(throws: UserRefusal(.EEXIST)) { try machine.device.map(machine.mapping(0..<4096)) }
    machine.device.unmap(0...(half - 1))
    #expect(machine.read(0x1000) == nil && machine.read(half) == 0)
    // What has no file is known, and unreachable.
    try machine.device.map(
      UserMapping(range: 0...4095, isReadable: true, isWritable: true, file: nil))
    #expect(machine.read(0) == nil)
    machine.device.unmap(0...4095)
    try machine.device.map(machine.mapping(0..<half))
    #expect(machine.read(0x1000) == 5)
    #expect(throws: UserRefusal(.EINVAL)) {
      try machine.device.map(
        UserMapping(
          range: PassedMachine.size...(PassedMachine.size + 4095), isReadable: false,
          isWritable: true, file: (machine.file, 0)))
    }
  }

  @Test("The client's eventfds are signalled, until it switches them off or is gone")
  func interrupts() throws {
    let machine = try PassedMachine()
    try machine.setConfig(6, 4, 2)
    let counters = try (0..<3).map { _ in ReceivedFile(owning: try Calls.makeEventCounter()) }
    func isSignalled(_ index: Int) throws -> Bool {
      let found = try Calls.poll(counters[index].descriptor) & 1 != 0
      Watching.silence(counters[index].descriptor)
      return found
    }
    let all = UserInterruptChange(kind: 2, start: 0, actions: counters.map { .trigger($0) })
    try machine.device.setInterrupts(all)
    #expect(machine.host.interrupt(1, of: 0))
    #expect(try !isSignalled(0) && isSignalled(1) && !isSignalled(2))
    try machine.device.setInterrupts(
      UserInterruptChange(kind: 2, start: 2, actions: [.fire]))
    #expect(try isSignalled(2))
    try machine.device.setInterrupts(
      UserInterruptChange(kind: 2, start: 1, actions: [.trigger(nil)]))
    machine.host.interrupt(1, of: 0)
    #expect(try !isSignalled(1))
    try machine.device.setInterrupts(UserInterruptChange(kind: 2, start: 0, actions: []))
    try machine.device.setInterrupts(UserInterruptChange(kind: 2, start: 0, actions: []))
    machine.host.interrupt(0, of: 0)
    #expect(try !isSignalled(0))
    for bad in [
      UserInterruptChange(kind: 9, start: 0, actions: [.fire]),
      UserInterruptChange(kind: 2, start: 0, actions: [.mask]),
      UserInterruptChange(kind: 2, start: -1, actions: [.fire]),
    ] {
      #expect(throws: LinuxErrno.EINVAL) { try machine.device.setInterrupts(bad) }
    }
    try machine.device.setInterrupts(all)
    machine.device.detached()
    machine.host.interrupt(0, of: 0)
    #expect(try !isSignalled(0))
  }

  @Test("Vectors that a client names in parts, as QEMU's does, are all switched on")
  func interruptsInParts() throws {
    let machine = try PassedMachine()
    try machine.setConfig(6, 4, 2)
    let counters = try (0..<3).map { _ in ReceivedFile(owning: try Calls.makeEventCounter()) }
    for (start, counter) in [(0, nil), (1, counters[1]), (2, counters[2])] {
      try machine.device.setInterrupts(
        UserInterruptChange(kind: 2, start: start, actions: [.trigger(counter)]))
    }
    for index in 0..<3 { machine.host.interrupt(index, of: 0) }
    for (index, counter) in counters.enumerated() {
      #expect((try Calls.poll(counter.descriptor) & 1 != 0) == (index > 0))
    }
    #expect(throws: LinuxErrno.EINVAL) {
      try machine.device.setInterrupts(
        UserInterruptChange(kind: 2, start: 9, actions: [.trigger(nil)]))
    }
  }

  @Test("A client that goes leaves a device that reaches nothing, and the next one finds it anew")
  func reconnecting() throws {
    let machine = try PassedMachine()
    for round in 1...3 {
      machine.device.attached(to: SilentPeer())
      try machine.device.map(machine.mapping())
      let directory = round == 1 ? try machine.start() : machine.driver.context(PassedMachine.place)
      try machine.setConfig(6, 4, 2)
      if round > 1 {
        machine.driver.entry(0, directory, root: nil)
        let source = UInt64(PassedMachine.place.sourceID) << 32
        let flush: (UInt64, UInt64) = (1 | 3 << 4 | source, 0)
        #expect(machine.driver.submit([flush]))
      }
      let process = machine.driver.process(UInt64(round))
      #expect(machine.attach(5, directory, root: process.root))
      #expect(machine.read(0x7000, pasid: 5) == UInt64(round))
      machine.device.detached()
      #expect(machine.device.peer == nil)
      try machine.setConfig(6, 4, 2)
      #expect(machine.read(0x7000, pasid: 5) == nil && machine.read(0x1000) == nil)
    }
    machine.device.end()
    machine.device.end()
    #expect(throws: LinuxErrno.ENODEV) { _ = try machine.config(0, 4) }
    #expect(throws: LinuxErrno.ENODEV) { try machine.device.reset() }
    #expect(machine.host.endpoints[0].attachedPASIDCount == 0)
    // Given back, so that somebody else can have it.
    let again = try PassedDevice(
      "dsa0", from: .node("/dev/vfio/devices/vfio0"), at: PassedMachine.place, behind: nil,
      on: machine.kernel, offersMapping: false)
    #expect(again.synthesis.offset == nil)
  }

  @Test("A page request reaches the guest, and its answer the device")
  func pageRequests() throws {
    let machine = try PassedMachine()
    machine.device.attached(to: SilentPeer())
    try machine.device.map(machine.mapping())
    let pri = try #require(try machine.find(0x13))
    try machine.setConfig(64, pri + 12, 4)
    try machine.setConfig(1, pri + 4, 2)
    let directory = try machine.start()
    let process = machine.driver.process(9)
    #expect(machine.attach(6, directory, root: process.root))
    for round in 0..<4 as Range<UInt64> {
      let address: UInt64 = 0x9000 + round << 12
      let sent = machine.host.send(
        EndpointPageRequest(
          IOVA(address), pasid: PASID(rawValue: 6), .write, group: UInt16(round)),
        from: machine.host.endpoints[0])
      #expect(sent)
      // The device's own thread delivers it; the tail of the unit's queue moves.
      while machine.driver.unit.read(0xC8, size: 8) != 32 * (round + 1) {}
      #expect(machine.device.waitingGroupCount == 1)
      machine.driver.map(address, to: process.page, root: process.root)
      let source = UInt64(PassedMachine.place.sourceID) << 16
      let answer: (UInt64, UInt64) = (9 | 1 << 4 | source | 6 << 32, round << 3)
      #expect(machine.driver.submit([answer]))
      let heard = machine.host.endpoints[0].takeResponses()
      #expect(heard.map(\.code) == [.success] && heard.first?.group == UInt16(round))
      #expect(machine.device.waitingGroupCount == 0)
      #expect(machine.read(address, pasid: 6) == 9)
      // Off and on again: another queue, which the thread finds.
      try machine.setConfig(0, pri + 4, 2)
      try machine.setConfig(1, pri + 4, 2)
    }
    // A client that leaves answers nothing, and nobody waits for it.
    let sent = machine.host.send(
      EndpointPageRequest(IOVA(0xF000), pasid: PASID(rawValue: 6), .write, group: 4),
      from: machine.host.endpoints[0])
    #expect(sent)
    while machine.driver.unit.read(0xC8, size: 8) != 32 * 5 {}
    #expect(machine.device.waitingGroupCount == 1)
    machine.device.detached()
    #expect(machine.device.waitingGroupCount == 0)
  }

  @Test("Devices and places that cannot be are refused in words")
  func refusals() throws {
    let host = SoftwareHost.server()
    let kernel = OwnProcessKernel(host)
    func open(_ source: HostDevice, _ unit: VTdUnit? = nil) throws {
      _ = try PassedDevice("x", from: source, at: PassedMachine.place, behind: unit, on: kernel)
    }
    #expect(throws: PassedDeviceError.self) { try open(.node("/dev/vfio/devices/vfio99")) }
    let nobody = try #require(PCIAddress("ffff:1f:1f.7"))
    #expect(throws: PassedDeviceError.noFunction(nobody)) { try open(.address(nobody)) }
    #expect("\(PassedDeviceError.notWithVFIO(nobody, driver: "idxd"))".contains("driver_override"))
    // A unit that its guest could attach nothing with.
    let machine = try PassedMachine(1)
    #expect(try machine.find(0x1B) == nil, "a device without PASIDs shows none")
    #expect(throws: PassedDeviceError.self) {
      _ = try PassedDevice(
        "twin", from: .node("/dev/vfio/devices/vfio0"), at: PassedMachine.place,
        behind: machine.driver.unit, on: machine.kernel)
    }
    #expect(machine.host.endpoints[0].attachedPASIDCount == 0)
  }
}
