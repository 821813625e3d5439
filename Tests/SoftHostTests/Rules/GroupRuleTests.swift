import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

@Suite("Devices of one group on a software host")
struct GroupRuleTests {
  /// The sample server, whose functions 2 and 3 in one group have PASIDs.
  static func host() throws -> SoftwareHost {
    var description = try HostDescription.server()
    for index in 2...3 { description.devices[index].function = try .dataStreamingAccelerator() }
    return try SoftwareHost(description)
  }

  /// What the other function's read finds.
  private func read(
    _ machine: borrowing GuestMachine, _ device: Int, _ address: UInt64, pasid: UInt32? = nil
  ) -> UInt8? {
    var byte: [UInt8] = [0]
    var span = byte.mutableSpan
    let result = machine.host.endpoints[device].read(
      IOVA(address), into: &span, pasid: pasid.flatMap { PASID(rawValue: $0) })
    return result == .done ? byte[0] : nil
  }

  @Test("111: a sibling cannot be another context's until the last of the group is closed")
  func owners() throws {
    let host = try Self.host()
    let process = host.makeProcess()
    let other = try IOMMUClient.IOMMUContext(on: process)
    do {
      let machine = try GuestMachine(device: 2, on: host)
      let errno = refusal {
        _ = try VFIODevice(path: "/dev/vfio/devices/vfio3", on: process).bind(to: other)
      }
      #expect(errno == .EPERM)
      // The group's node belongs to who has a device.
      #expect(refusal { _ = try process.open("/dev/vfio/12") } == .EBUSY)
      _ = machine.memory
    }
    let node = try process.open("/dev/vfio/12")
    let busy = refusal {
      _ = try VFIODevice(path: "/dev/vfio/devices/vfio3", on: process).bind(to: other)
    }
    #expect(busy == .EBUSY)
    try process.close(node)
    let device = try VFIODevice(path: "/dev/vfio/devices/vfio3", on: process).bind(to: other)
    #expect(device.id == 1)
  }

  @Test("siblings share what the group is attached to: another joins, and a replace moves both")
  func sharing() throws {
    let machine = try GuestMachine(device: 2, on: try Self.host())
    let sibling = try VFIODevice(path: "/dev/vfio/devices/vfio3", on: machine.process)
      .bind(to: machine.context)
    try GuestMachine.enable(sibling, of: machine.process)
    // A second space, whose page at 0 has other contents.
    let space = try IOAddressSpace(in: machine.context)
    let page = try machine.process.allocate(4096, [.read, .write])
    try machine.process.store([2], page)
    _ = try space.map(page, byteCount: 4096, at: IOVA(0))
    try machine.poke(1, at: 0)
    let first = try machine.space.makePageTable(for: machine.device, options: .pasid)
    let second = try space.makePageTable(for: sibling, options: .pasid)
    for pasid: UInt32? in [nil, 5] {
      let name = pasid.flatMap { PASID(rawValue: $0) }
      func attach(_ device: borrowing BoundDevice, _ table: borrowing HardwarePageTable) throws {
        if let name { try device.attach(name, to: table) } else { try device.attach(to: table) }
      }
      func detach(_ device: borrowing BoundDevice) throws {
        if let name { try device.detach(name) } else { try device.detach() }
      }
      func replace(_ device: borrowing BoundDevice, _ table: borrowing HardwarePageTable) throws {
        if let name {
          try device.replace(name, with: table)
        } else {
          try device.replace(with: table)
        }
      }
      try attach(machine.device, first)
      #expect(read(machine, 2, 0, pasid: pasid) == 1)
      #expect(refusal { try attach(sibling, second) } == .EINVAL)
      try attach(sibling, first)
      #expect(read(machine, 3, 0, pasid: pasid) == 1)
      // Both move together, whoever asks.
      try replace(sibling, second)
      #expect(read(machine, 2, 0, pasid: pasid) == 2 && read(machine, 3, 0, pasid: pasid) == 2)
      // The first to go leaves the group where it is.
      try detach(machine.device)
      #expect(read(machine, 3, 0, pasid: pasid) == 2)
      try attach(machine.device, second)
      #expect(read(machine, 2, 0, pasid: pasid) == 2)
      try detach(sibling)
      try detach(machine.device)
      #expect(read(machine, 2, 0, pasid: pasid) == nil && read(machine, 3, 0, pasid: pasid) == nil)
    }
    // Nothing counts any more.
    try first.destroy()
    try second.destroy()
  }

  @Test("a PASID of one sibling keeps both RIDs on flagged tables")
  func coupling() throws {
    let machine = try GuestMachine(device: 2, on: try Self.host())
    let sibling = try VFIODevice(path: "/dev/vfio/devices/vfio3", on: machine.process)
      .bind(to: machine.context)
    let flagged = try machine.space.makePageTable(for: machine.device, options: .pasid)
    let plain = try machine.space.makePageTable(for: machine.device)
    try machine.device.attach(try #require(PASID(rawValue: 3)), to: flagged)
    #expect(refusal { try sibling.attach(to: plain) } == .EINVAL)
    #expect(refusal { _ = try sibling.attach(to: machine.space) } == .EINVAL)
    try sibling.attach(to: flagged)
    #expect(refusal { try sibling.replace(with: plain) } == .EINVAL)
    try machine.device.detach(try #require(PASID(rawValue: 3)))
    try sibling.replace(with: plain)
    #expect(
      refusal { try machine.device.attach(try #require(PASID(rawValue: 3)), to: flagged) }
        == .EINVAL)
  }

  @Test("closing one sibling detaches what it attached, and leaves the other's")
  func closing() throws {
    let machine = try GuestMachine(device: 2, on: try Self.host())
    try machine.poke(1, at: 0)
    let table = try machine.space.makePageTable(for: machine.device, options: .pasid)
    let one = try #require(PASID(rawValue: 1))
    let two = try #require(PASID(rawValue: 2))
    do {
      let sibling = try VFIODevice(path: "/dev/vfio/devices/vfio3", on: machine.process)
        .bind(to: machine.context)
      try sibling.attach(to: table)
      try machine.device.attach(one, to: table)
      try sibling.attach(one, to: table)
      try sibling.attach(two, to: table)
      #expect(machine.read(0, pasid: 2) == .value(1))
    }
    #expect(machine.read(0).isBlocked && machine.read(0, pasid: 2).isBlocked)
    #expect(machine.read(0, pasid: 1) == .value(1))
    #expect(machine.endpoint.attachedPASIDCount == 1)
  }
}
