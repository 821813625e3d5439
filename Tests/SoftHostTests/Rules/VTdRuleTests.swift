import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

@Suite("Rules of VT-d on a software host")
struct VTdRuleTests {
  /// The sample server with another first unit.
  static func host(_ change: (inout VTdRegisters) -> Void) throws -> SoftwareHost {
    var registers = VTdRegisters.server
    change(&registers)
    var description = try HostDescription.server()
    description.units[0] = .vtd(registers)
    return try SoftwareHost(description)
  }

  /// Whether a nested table can be made, and then what attaching it answers.
  private func attach(
    _ host: SoftwareHost, width: UInt32 = 48, _ options: VTdFirstStage.Options = []
  ) throws -> LinuxErrno? {
    let machine = try GuestMachine(on: host)
    let parent = try machine.space.makePageTable(
      for: machine.device, options: [.nestParent, .pasid])
    try machine.device.attach(to: parent)
    try machine.poke(42, at: 0x3000)
    let table = try parent.makeNestedTable(
      for: machine.device,
      .vtd(
        VTdFirstStage(
          tableAddress: GuestPhysicalAddress(0x10_0000), addressWidth: width, options: options)),
      options: .pasid)
    let one = try #require(PASID(rawValue: 1))
    let errno = refusal { try machine.device.attach(one, to: table) }
    #expect(refusal { try machine.device.replace(with: table) } == errno)
    // What was attached before a refusal still is.
    if errno != nil {
      #expect(machine.read(0x3000) == .value(42))
      #expect(machine.read(0x3000, pasid: 1).isBlocked)
    }
    return errno
  }

  @Test("5.1: a width is looked at when something is attached")
  func width() throws {
    let host = SoftwareHost.server()
    for width: UInt32 in [48, 57] { #expect(try attach(host, width: width) == nil) }
    for width: UInt32 in [0, 39, 47, 49, 56, 58, .max] {
      #expect(try attach(host, width: width) == .EINVAL)
    }
    let narrow = try Self.host { $0.capability[60] = false }
    #expect(try attach(narrow, width: 57) == .EINVAL)
    #expect(try attach(narrow, width: 48) == nil)
  }

  @Test("5.1: SRE and EAFE need what the unit has; WPE counts with SRE alone")
  func options() throws {
    let all = try Self.host {
      $0.extendedCapability[31] = true
      $0.extendedCapability[34] = true
    }
    let none = try Self.host {
      $0.extendedCapability[31] = false
      $0.extendedCapability[34] = false
    }
    for bits in 0..<8 as Range<UInt64> {
      let options = VTdFirstStage.Options(rawValue: bits)
      #expect(try attach(all, options) == nil, "bits \(bits)")
      #expect(try attach(none, options) == (bits & 3 == 0 ? nil : .EINVAL), "bits \(bits)")
    }
    // Other bits are not looked at.
    #expect(try attach(none, .init(rawValue: 0xFFFF_FFF8)) == nil)
  }

  @Test("a supervisor's requests need SRE")
  func supervisor() throws {
    for allowed in [false, true] {
      let machine = try GuestMachine()
      let parent = try machine.space.makePageTable(
        for: machine.device, options: [.nestParent, .pasid])
      try machine.device.attach(to: parent)
      var next: UInt64 = 0x11_0000
      // Present and writable, not for users.
      try machine.mapFirstStage(0x5000, to: 0x30_0000, root: 0x10_0000, next: &next, flags: 3)
      let table = try parent.makeNestedTable(
        for: machine.device,
        .vtd(
          VTdFirstStage(
            tableAddress: GuestPhysicalAddress(0x10_0000),
            options: allowed ? .supervisorRequests : [])), options: .pasid)
      try machine.device.attach(try #require(PASID(rawValue: 1)), to: table)
      #expect(machine.read(0x5000, pasid: 1).fault?.reason == .vtd(.userOnSupervisor))
      let found = machine.read(0x5000, pasid: 1, .privileged)
      #expect(found == .value(0) || !allowed)
      #expect(found.fault?.reason == .vtd(.supervisorNotEnabled) || allowed)
    }
  }

  @Test("execute requests are refused, also where the unit can do them")
  func execute() throws {
    let host = try Self.host { $0.extendedCapability[30] = true }
    let machine = try GuestMachine(on: host)
    let parent = try machine.space.makePageTable(
      for: machine.device, options: [.nestParent, .pasid])
    try machine.device.attach(to: parent)
    var next: UInt64 = 0x11_0000
    try machine.mapFirstStage(0x5000, to: 0x30_0000, root: 0x10_0000, next: &next, flags: 7)
    let table = try parent.makeNestedTable(
      for: machine.device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0x10_0000))),
      options: .pasid)
    try machine.device.attach(try #require(PASID(rawValue: 1)), to: table)
    #expect(machine.read(0x5000, pasid: 1) == .value(0))
    #expect(
      machine.read(0x5000, pasid: 1, .execute).fault?.reason == .vtd(.executeNotEnabled))
  }

  @Test("erratum 772415: nothing read-only under a nesting parent, whichever comes first")
  func readOnly() throws {
    let machine = try GuestMachine()
    let page = try machine.process.allocate(4096, [.read, .write])
    do {
      _ = try machine.space.map(page, byteCount: 4096, at: IOVA(0x1000_0000), access: .readable)
      #expect(
        refusal {
          _ = try machine.space.makePageTable(for: machine.device, options: .nestParent)
        } == .EINVAL)
      // Others may.
      let plain = try machine.space.makePageTable(for: machine.device)
      try machine.device.attach(to: plain)
      #expect(machine.write(1, 0x1000_0000) != .done)
      try machine.device.detach()
    }
    _ = try machine.space.unmap(IOVA(0x1000_0000)...IOVA(0x1000_0FFF))
    let parent = try machine.space.makePageTable(for: machine.device, options: .nestParent)
    #expect(
      refusal {
        _ = try machine.space.map(page, byteCount: 4096, at: IOVA(0x1000_0000), access: .readable)
      } == .EINVAL)
    _ = try machine.space.map(page, byteCount: 4096, at: IOVA(0x1000_0000))
    _ = parent.id
  }

  @Test("a fault queue needs page requests of the device")
  func faults() throws {
    let machine = try GuestMachine(device: 1)
    let queue = try IOMMUClient.FaultQueue(in: machine.context)
    let table = try machine.space.makePageTable(for: machine.device, faults: queue)
    #expect(refusal { try machine.device.attach(to: table) } == .ENODEV)
    #expect(machine.read(0x1000).isBlocked)
    #expect(
      !machine.host.send(
        EndpointPageRequest(IOVA(0), .read, group: 0), from: machine.endpoint))
  }

  @Test("PASID 0 is the RID's other name where a unit has PASIDs, and nothing where it has none")
  func zero() throws {
    let machine = try GuestMachine()
    let table = try machine.space.makePageTable(for: machine.device, options: .pasid)
    try machine.device.attach(to: table)
    try machine.poke(42, at: 0x3000)
    #expect(machine.read(0x3000) == .value(42) && machine.read(0x3000, pasid: 0) == .value(42))
    let legacy = try GuestMachine(on: try Self.host { $0.isScalable = false })
    let plain = try legacy.space.makePageTable(for: legacy.device)
    try legacy.device.attach(to: plain)
    #expect(legacy.read(0x3000) == .value(0) && legacy.read(0x3000, pasid: 0).isBlocked)
  }

  @Test("a nested table is invalidated for every RID and PASID that uses it")
  func invalidation() throws {
    let machine = try GuestMachine(isStrict: true)
    let parent = try machine.space.makePageTable(
      for: machine.device, options: [.nestParent, .pasid])
    var next: UInt64 = 0x11_0000
    try machine.mapFirstStage(0x5000, to: 0x30_0000, root: 0x10_0000, next: &next)
    let table = try parent.makeNestedTable(
      for: machine.device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0x10_0000))),
      options: .pasid)
    try machine.device.attach(to: table)
    for pasid in UInt32(1)...3 {
      try machine.device.attach(try #require(PASID(rawValue: pasid)), to: table)
    }
    let users: [UInt32?] = [nil, 1, 2, 3]
    try machine.poke(2, at: 0x31_0000)
    for user in users { #expect(machine.read(0x5000, pasid: user) == .value(0)) }
    try machine.mapFirstStage(0x5000, to: 0x31_0000, root: 0x10_0000, next: &next)
    for user in users { #expect(machine.read(0x5000, pasid: user) == .value(0)) }
    try table.invalidate([VTdInvalidationRange(address: IOVA(0x5000), pageCount: 1)])
    for user in users { #expect(machine.read(0x5000, pasid: user) == .value(2)) }
    // Zero pages are none; the most pages from 0 on are all.
    try machine.mapFirstStage(0x5000, to: 0x30_0000, root: 0x10_0000, next: &next)
    try table.invalidate([VTdInvalidationRange(address: IOVA(0x5000), pageCount: 0)])
    for user in users { #expect(machine.read(0x5000, pasid: user) == .value(2)) }
    try table.invalidate([.everything])
    for user in users { #expect(machine.read(0x5000, pasid: user) == .value(0)) }
    #expect(
      refusal {
        try table.invalidate([VTdInvalidationRange(address: IOVA(0x1000), pageCount: .max)])
      } == .EINVAL)
  }
}
