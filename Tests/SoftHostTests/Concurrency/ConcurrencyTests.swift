import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Synchronization
import TestSupport
import Testing

@Suite("Concurrency: a host on which all goes on at once")
struct ConcurrencyTests {
  /// Takes pages away, marks them, looks that nobody reaches them, and gives them back.
  static let mapping: @Sendable (BusyHost, inout SplitMix64) throws -> Void = { busy, random in
    defer { busy.isDone.store(true, ordering: .relaxed) }
    // Threads that move bytes may begin late; this one goes on until they have, within minutes.
    let end = ContinuousClock.now + .seconds(300)
    for round in 0... {
      let seen = busy.successes.load(ordering: .relaxed) + busy.blocked.load(ordering: .relaxed)
      if round >= 400, seen > 0 || ContinuousClock.now > end { break }
      let page = Int.random(in: 0..<BusyHost.pages, using: &random)
      try busy.unmap(page)
      // No request is under way to the page any more, so it is this thread's alone.
      for word in 0..<4 { try busy.put(BusyHost.gone, page, word: word) }
      if round % 8 == 0 { _ = try busy.space.usableAddresses() }
      for word in 0..<4 where try busy.word(page, word) != BusyHost.gone { busy.add(busy.wrong) }
      try busy.sign(page)
      try busy.map(page)
    }
  }

  /// Attaches and detaches PASIDs 1 to 8, to the nested table, the parent, and from one to the other.
  static let attaching: @Sendable (BusyHost, inout SplitMix64) throws -> Void = { busy, random in
    var attached: Set<UInt32> = []
    while !busy.isOver {
      let number = UInt32.random(in: 1...8, using: &random)
      guard let pasid = PASID(rawValue: number) else { continue }
      do throws(IOMMUError) {
        if !attached.contains(number) {
          try busy.accelerator.attach(pasid, to: busy.nested)
          attached.insert(number)
        } else if Bool.random(using: &random) {
          try busy.accelerator.replace(pasid, with: busy.parent)
        } else {
          try busy.accelerator.detach(pasid)
          attached.remove(number)
        }
      } catch {
        // A reset parks the device.
        guard error.errno == .EBUSY else { throw error }
      }
    }
    for number in attached {
      guard let pasid = PASID(rawValue: number) else { continue }
      try busy.accelerator.detach(pasid)
    }
  }

  /// Reads the number of pages and writes their other words.
  static func moving(
    device: Int, word: Int
  ) -> @Sendable (BusyHost, inout SplitMix64) throws -> Void {
    { busy, random in
      let endpoint = busy.host.endpoints[device]
      while !busy.isOver {
        let page = UInt64.random(in: 0..<UInt64(BusyHost.pages), using: &random)
        let pasid = device == 0 ? PASID(rawValue: .random(in: 1...8, using: &random)) : nil
        var bytes = [UInt8](repeating: 0, count: 8)
        var span = bytes.mutableSpan
        let isRead = Bool.random(using: &random)
        let result =
          isRead
          ? endpoint.read(IOVA(page << 12), into: &span, pasid: pasid)
          : endpoint.write(IOVA(page << 12 + UInt64(word) * 8), bytes.span, pasid: pasid)
        switch result {
        case .done:
          busy.add(busy.successes)
          if isRead, bytes[0] != page + 1 { busy.add(busy.wrong) }
        case .blocked: busy.add(busy.blocked)
        case .fault(let fault, let done):
          if fault.stage != .second || done != 0 { busy.add(busy.wrong) }
        case .unreachable: busy.add(busy.wrong)
        }
      }
    }
  }

  /// Sends page requests, reads and answers them, and counts the answers.
  static let requesting: @Sendable (BusyHost, inout SplitMix64) throws -> Void = { busy, random in
    let endpoint = busy.host.endpoints[0]
    guard let nine = PASID(rawValue: 9) else { return }
    while true {
      do throws(IOMMUError) {
        try busy.accelerator.attach(nine, to: busy.absent)
        break
      } catch {
        guard error.errno == .EBUSY else { throw error }
      }
    }
    var sent = 0
    var answered = 0
    while !busy.isOver || sent == 0 {
      for group in 0..<UInt16.random(in: 1...4, using: &random) {
        let address = IOVA(UInt64.random(in: 0..<64, using: &random) << 12)
        for isLast in [false, true] {
          busy.host.send(
            EndpointPageRequest(address, pasid: nine, .read, group: group, isLast: isLast),
            from: endpoint)
        }
        sent += 1
      }
      for group in try busy.queue.readGroups() {
        if group.requests.count != 2 { busy.add(busy.wrong) }
        try busy.queue.respond(to: group, .success)
      }
      answered += endpoint.takeResponses().count
    }
    try busy.accelerator.detach(nine)
    answered += endpoint.takeResponses().count
    if sent != answered { busy.add(busy.wrong) }
  }

  /// Resets one device after the other.
  static let resetting: @Sendable (BusyHost, inout SplitMix64) throws -> Void = { busy, _ in
    while !busy.isOver {
      try busy.accelerator.reset()
      try busy.enable(busy.accelerator)
      try busy.network.reset()
      try busy.enable(busy.network)
    }
  }

  @Test("requests of devices reach only pages that are mapped, and nothing is left")
  func all() throws {
    let host: SoftwareHost
    do {
      let busy = try BusyHost()
      host = busy.host
      try busy.enable(busy.accelerator)
      try busy.enable(busy.network)
      busy.run([
        Self.mapping, Self.attaching, Self.moving(device: 0, word: 1),
        Self.moving(device: 1, word: 2), Self.requesting, Self.resetting,
      ])
      #expect(busy.wrong.load(ordering: .relaxed) == 0)
      // How often resets let a request through is chance.
      let seen = busy.successes.load(ordering: .relaxed) + busy.blocked.load(ordering: .relaxed)
      #expect(seen > 0)
      #expect(host.endpoints[0].attachedPASIDCount == 0)
      #expect(try busy.space.unmapAll() == UInt64(BusyHost.pages + 8) << 12)
      #expect(host.chargedPageCount == 0)
    }
    #expect(host.openContextCount == 0)
  }

  @Test("two programs of one host do not meet, even when they open and close all the time")
  func programs() throws {
    let host = SoftwareHost.server(answersMockRequests: true)
    let busy = try BusyHost()
    let works: [@Sendable (BusyHost, inout SplitMix64) throws -> Void] = (0..<4).map { number in
      { busy, random in
        for _ in 0..<60 {
          let process = host.makeProcess(Credentials(user: UInt32(number)))
          let context = try IOMMUClient.IOMMUContext(on: process)
          let device = try VFIODevice(
            path: "/dev/vfio/devices/vfio\([0, 1, 4, 6][number])", on: process
          ).bind(to: context)
          let space = try IOAddressSpace(in: context)
          let page = try process.allocate(4096, [.read, .write])
          try process.store([UInt8(number + 1)], page)
          _ = try space.map(page, byteCount: 4096, at: IOVA(0x10_0000))
          _ = try device.attach(to: space)
          try busy.enable(device, of: process)
          var byte: [UInt8] = [0]
          var span = byte.mutableSpan
          let result = host.endpoints[[0, 1, 4, 6][number]].read(IOVA(0x10_0000), into: &span)
          if result != .done || byte != [UInt8(number + 1)] { busy.add(busy.wrong) }
          if Bool.random(using: &random) { try device.detach() }
        }
      }
    }
    busy.run(works)
    #expect(busy.wrong.load(ordering: .relaxed) == 0)
    #expect(host.openContextCount == 0 && host.chargedPageCount == 0)
  }
}
