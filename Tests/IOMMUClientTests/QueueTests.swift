import HostABI
import Hardware
import IOMMUClient
import Testing

@Suite("Queues are read and answered whole")
struct QueueTests {
  let kernel = ScriptedKernel()
  let context: IOMMUContext

  init() throws { context = try IOMMUContext(on: kernel) }

  /// One record of a fault queue.
  func record(
    flags: UInt32, device: UInt32 = 2, pasid: UInt32 = 0, group: UInt32 = 0,
    permissions: UInt32 = 1, address: UInt64, cookie: UInt32
  ) -> [UInt8] {
    var words: [UInt64] = []
    words.append(UInt64(flags) | UInt64(device) << 32)
    words.append(UInt64(pasid) | UInt64(group) << 32)
    words.append(UInt64(permissions))
    words.append(address)
    words.append(UInt64(cookie) << 32)
    return words.flatMap { ScriptedKernel.State.bytes($0) }
  }

  @Test("an empty queue answers with nothing, and says so before")
  func empty() throws {
    let queue = try FaultQueue(in: context)
    #expect(try !queue.isReadable())
    #expect(try queue.readGroups().isEmpty)
  }

  @Test("records with one cookie are one group; internal flags are passed over")
  func groups() throws {
    let queue = try FaultQueue(in: context)
    let bytes =
      record(flags: 1, pasid: 9, group: 4, permissions: 3, address: 0x1000, cookie: 1)
      + record(flags: 7, pasid: 9, group: 4, permissions: 4, address: 0x2000, cookie: 1)
      + record(flags: 2, device: 3, permissions: 0xF8, address: .max, cookie: 2)
    kernel.change { $0.reads = [bytes] }
    #expect(try queue.isReadable())
    let groups = try queue.readGroups()
    #expect(groups.count == 2)
    #expect(groups[0].pasid == PASID(rawValue: 9) && groups[0].cookie == 1)
    #expect(groups[0].deviceID == 2 && groups[0].groupIndex == 4)
    #expect(groups[0].requests.map(\.address) == [IOVA(0x1000), IOVA(0x2000)])
    #expect(groups[0].requests.map(\.access) == [[.read, .write], .execute])
    #expect(groups[1].pasid == nil && groups[1].deviceID == 3)
    #expect(groups[1].requests.map(\.access) == [.privileged])

    try queue.respond(to: groups[0], .success)
    try queue.respond([(2, .invalid), (1, .success)])
    #expect(
      kernel.answered == [
        ScriptedKernel.State.bytes(1), ScriptedKernel.State.bytes(2 | 1 << 32, 1),
      ])
  }

  @Test("a group that needs a larger read gets one")
  func largeGroup() throws {
    let queue = try FaultQueue(in: context)
    let bytes = (0..<5000).flatMap {
      record(flags: $0 == 4999 ? 2 : 0, address: UInt64($0) << 12, cookie: 1)
    }
    kernel.change { ($0.reads, $0.smallestRead) = ([bytes], bytes.count) }
    let groups = try queue.readGroups()
    #expect(groups.count == 1 && groups[0].requests.count == 5000)
    kernel.change { $0.smallestRead = .max }
    let error = #expect(throws: IOMMUError.self) { try queue.readGroups() }
    #expect(error?.request == .read && error?.errno == .EINVAL)
  }

  @Test("a PASID wider than 20 bits is answered at once, and the others are kept")
  func widePASID() throws {
    let queue = try FaultQueue(in: context)
    let bytes =
      record(flags: 3, pasid: 1 << 20, address: 0, cookie: 5)
      + record(flags: 3, pasid: 1 << 20 - 1, address: 0, cookie: 6)
    kernel.change { $0.reads = [bytes] }
    #expect(try queue.readGroups().map(\.cookie) == [6])
    #expect(kernel.answered == [ScriptedKernel.State.bytes(5 | 1 << 32)])
  }

  @Test("answering a group that is gone says how many were answered before")
  func gone() throws {
    let queue = try FaultQueue(in: context)
    kernel.fail(1, .EINVAL)
    let error = #expect(throws: IOMMUError.self) { try queue.respond([(1, .success)]) }
    #expect(error?.handled == 0 && error?.meaning.contains("answered") == true)
  }

  @Test("whatever a queue's bytes are, reading them ends", arguments: 0..<50)
  func noise(seed: UInt64) throws {
    let queue = try FaultQueue(in: context)
    let events = try events(.smmuv3)
    var numbers = Numbers(state: seed)
    let bytes = (0..<40 * Int.random(in: 1...100, using: &numbers)).map { _ in
      UInt8.random(in: 0...255, using: &numbers)
    }
    kernel.change { $0.reads = [bytes, bytes] }
    let groups = try queue.readGroups()
    #expect(groups.reduce(0) { $0 + $1.requests.count } <= bytes.count / 40)
    #expect(try events.readEvents().count <= bytes.count / 8)
  }

  func events(_ kind: VirtualIOMMU.Kind) throws -> EventQueue {
    let device = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: kernel).bind(to: context)
    let space = try IOAddressSpace(in: context)
    let parent = try space.makePageTable(for: device, options: .nestParent)
    let viommu = try VirtualIOMMU(kind, for: device, on: parent)
    if kind == .tegra241CommandQueues {
      #expect(viommu.registers?.offset == 0x1_0000)
      #expect(viommu.registers?.byteCount == 0x1_0000)
    }
    return try EventQueue(of: viommu, kind, depth: 64)
  }

  @Test("events and the mark of lost ones", arguments: [4, 2])
  func events(words: Int) throws {
    let queue = try events(words == 4 ? .smmuv3 : .tegra241CommandQueues)
    let record = (0..<UInt64(words)).map { $0 + 0x10 }
    let body = record.flatMap { ScriptedKernel.State.bytes($0) }
    let event = ScriptedKernel.State.bytes(0) + body
    let lost = ScriptedKernel.State.bytes(1 | 3 << 32)
    kernel.change { $0.reads = [event + event + lost, lost] }
    let events = try queue.readEvents()
    #expect(events.map(\.sequence) == [0, 0, 3])
    #expect(events.map(\.content) == [.record(record), .record(record), .lost])
    #expect(try queue.readEvents().map(\.content) == [.lost])
    #expect(try queue.readEvents().isEmpty)
  }
}

extension ScriptedKernel {
  /// What was written to queues, a write an element.
  var answered: [[UInt8]] {
    var writes: [[UInt8]] = []
    change { writes = $0.writes }
    return writes
  }
}
