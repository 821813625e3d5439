import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import TestSupport
import Testing

@Suite("Address spaces of a software host agree with a dictionary")
struct SpaceModelTests {
  static let pages: UInt64 = 64
  /// Interrupts, and what five levels of a first stage cannot translate.
  static let reserved: [ClosedRange<UInt64>] = [
    0xFEE0_0000...0xFEEF_FFFF, 1 << 56 ... .max,
  ]

  @Test("on their own, to the byte", arguments: UInt64(0)..<20)
  func lazy(seed: UInt64) throws {
    let process = SoftwareHost.server().makeProcess()
    let context = try IOMMUClient.IOMMUContext(on: process)
    var run = try SpaceRun(process, context, seed, unit: 512, alignment: 1, reserved: [])
    for _ in 0..<400 { try run.step() }
  }

  @Test("with devices that read them", arguments: UInt64(0)..<20)
  func attached(seed: UInt64) throws {
    let host = SoftwareHost.server(isStrict: true)
    do {
      let process = host.makeProcess(Credentials())
      let context = try IOMMUClient.IOMMUContext(on: process)
      let first = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: process).bind(to: context)
      let second = try VFIODevice(path: "/dev/vfio/devices/vfio1", on: process).bind(to: context)
      try GuestMachine.enable(first, of: process)
      try GuestMachine.enable(second, of: process)
      var run = try SpaceRun(
        process, context, seed, unit: 4096, alignment: 4096, reserved: Self.reserved)
      try run.attach([first.descriptor, second.descriptor])
      for _ in 0..<400 {
        try run.step()
        run.look(host.endpoints)
      }
      #expect(host.units[0].staleHitCount == 0)
    }
    #expect(host.openContextCount == 0 && host.chargedPageCount == 0)
  }
}

/// Two address spaces beside their models, and random requests.
struct SpaceRun {
  private let process: SoftProcess
  private let context: IOMMUClient.IOMMUContext
  private var random: SplitMix64
  private let unit: UInt64
  private let ids: [UInt32]
  private var models: [SpaceModel]
  private let memory: UInt64
  private let array: UInt64

  init(
    _ process: SoftProcess, _ context: IOMMUClient.IOMMUContext, _ seed: UInt64, unit: UInt64,
    alignment: UInt64, reserved: [ClosedRange<UInt64>]
  ) throws {
    self.process = process
    self.context = context
    self.unit = unit
    random = SplitMix64(seed: seed)
    models = [SpaceModel](repeating: .init(alignment: alignment, reserved: reserved), count: 2)
    memory = try process.allocate(Int(SpaceModelTests.pages) << 12, [.read, .write])
    array = try process.allocate(4096, [.read, .write])
    for page in 0..<SpaceModelTests.pages {
      try process.store([UInt8(page)], memory + page << 12)
    }
    var ids: [UInt32] = []
    for _ in 0..<2 {
      var argument = IOASAllocArgument()
      _ = try process.perform(
        IOMMUFDRequest.ioasAlloc.number, on: context.descriptor, &argument)
      ids.append(argument.outID)
    }
    self.ids = ids
  }

  /// Attaches a device to each space.
  func attach(_ devices: [Int32]) throws {
    for (device, id) in zip(devices, ids) {
      var argument = AttachArgument { $0.tableID = id }
      _ = try process.perform(VFIODeviceRequest.attach.number, on: device, &argument)
    }
  }

  private mutating func below(_ count: UInt64) -> UInt64 {
    UInt64.random(in: 0..<count, using: &random)
  }

  private mutating func chance(_ percent: UInt64) -> Bool { below(100) < percent }

  /// An address in the small part of the space that is used.
  private mutating func address() -> UInt64 {
    if chance(2) { return [.max, .max - unit + 1, 0xFEE0_0000, 1 << 56, 3][Int(below(5))] }
    return below(96) * unit
  }

  private mutating func length() -> UInt64 {
    if chance(2) { return [0, .max, 1 << 63, unit / 2, .max - 4095][Int(below(5))] }
    return (below(6) + 1) * unit
  }

  private mutating func flags() -> MapFlags {
    chance(95) ? (chance(75) ? [.readable, .writeable] : .readable) : []
  }

  private mutating func isFixed() -> Bool { chance(60) }

  /// One request, and the model's answer to it.
  mutating func step() throws {
    let space = Int(below(2))
    switch below(10) {
    case 0...3: map(space)
    case 4, 5: copy(space)
    case 6, 7, 8: unmap(space)
    default: if chance(70) { try ranges(space) } else { try allow(space) }
    }
  }

  private func expect<Value: Equatable>(
    _ name: String, _ real: () throws(LinuxErrno) -> Value,
    _ model: () throws(LinuxErrno) -> Value, _ words: UInt64...
  ) {
    let one = Result(catching: real)
    let other = Result(catching: model)
    let what = words.map { String($0, radix: 16) }.joined(separator: " ")
    #expect(one == other, "\(name) \(what)")
  }

  private mutating func map(_ space: Int) {
    let length = length()
    // All of it is the program's.
    let most = SpaceModelTests.pages * 4096 / unit - min(length / unit, 8)
    var start = memory + below(most) * unit
    let iova = isFixed() ? address() : nil
    // The rule of automatic placement is plain only for what begins a page.
    if iova == nil { start &= ~4095 }
    let flags = flags()
    var argument = IOASMapArgument {
      $0.flags = flags.rawValue | (iova == nil ? 0 : 1)
      $0.ioasID = ids[space]
      $0.userAddress = start
      $0.length = length
      $0.iova = iova ?? 0
    }
    var model = models[space]
    // Memory that the program does not have is another test's matter.
    if length >= 1 << 32, length < .max, iova == nil || unit == 4096 { return }
    expect(
      "map", { () throws(LinuxErrno) in try send(.ioasMap, &argument).iova },
      { () throws(LinuxErrno) in try model.map(start, length, at: iova, flags) },
      start - memory, length, iova ?? .max, UInt64(flags.rawValue))
    models[space] = model
  }

  private mutating func copy(_ space: Int) {
    let source = Int(below(2))
    var start = address()
    var length = length()
    // Mostly something that is mapped.
    if chance(80), let area = models[source].sorted.first {
      start = area.key + below(area.value.byteCount / unit + 1) * unit
      length = min(length, 4 * unit)
    }
    let other = models[source]
    let first = (try? other.pieces(start, length))?.first
    let iova = isFixed() || (first?.memory ?? 0) & 4095 != 0 ? address() : nil
    let flags = flags()
    var argument = IOASCopyArgument {
      $0.flags = flags.rawValue | (iova == nil ? 0 : 1)
      $0.sourceID = ids[source]
      $0.destinationID = ids[space]
      $0.length = length
      $0.sourceIOVA = start
      $0.destinationIOVA = iova ?? 0
    }
    var model = models[space]
    expect(
      "copy", { () throws(LinuxErrno) in try send(.ioasCopy, &argument).destinationIOVA },
      { () throws(LinuxErrno) in
        if length == .max || start == .max || iova == .max { throw .EOVERFLOW }
        if flags.isEmpty { throw .EINVAL }
        return try model.copy(try other.pieces(start, length), at: iova, flags)
      }, UInt64(source), start, length, iova ?? .max, UInt64(flags.rawValue))
    models[space] = model
  }

  private mutating func unmap(_ space: Int) {
    var start = address()
    var length = length()
    if chance(3) {
      start = 0
      length = .max
    } else if chance(70), let area = models[space].sorted.randomElement(using: &random) {
      start = area.key
      length = chance(80) ? area.value.byteCount : length
    }
    var argument = IOASUnmapArgument {
      $0.ioasID = ids[space]
      $0.iova = start
      $0.length = length
    }
    var model = models[space]
    expect(
      "unmap", { () throws(LinuxErrno) in try send(.ioasUnmap, &argument).length },
      { () throws(LinuxErrno) in try model.unmap(start, length) }, start, length)
    models[space] = model
  }

  private mutating func ranges(_ space: Int) throws {
    let expected = models[space].ranges
    var argument = IOVARangesArgument {
      $0.ioasID = ids[space]
      $0.count = 16
      $0.ranges = array
    }
    argument = try send(.ioasIOVARanges, &argument)
    #expect(argument.outAlignment == models[space].alignment)
    let bytes = try process.load(array, Int(argument.count) * 16)
    let words = stride(from: 0, to: bytes.count, by: 8).map { at in
      (0..<8).reduce(0 as UInt64) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
    }
    #expect(words == expected.flatMap { [$0.lowerBound, $0.upperBound] })
  }

  private mutating func allow(_ space: Int) throws {
    var list: [(UInt64, UInt64)] = []
    for _ in 0..<below(4) {
      let start = address()
      list.append((start, chance(3) ? start : start &+ (below(40) + 1) * unit &- 1))
    }
    let bytes = list.flatMap { [$0.0, $0.1] }.flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    if !bytes.isEmpty { try process.store(bytes, array) }
    var argument = AllowIOVAsArgument {
      $0.ioasID = ids[space]
      $0.count = UInt32(list.count)
      $0.ranges = array
    }
    var model = models[space]
    expect(
      "allow", { () throws(LinuxErrno) in try send(.ioasAllowIOVAs, &argument).count },
      { () throws(LinuxErrno) in
        try model.allow(list)
        return UInt32(list.count)
      })
    models[space] = model
  }

  private func send<Argument: WireStructure>(
    _ request: IOMMUFDRequest, _ argument: inout Argument
  ) throws(LinuxErrno) -> Argument {
    _ = try process.perform(request.number, on: context.descriptor, &argument)
    return argument
  }

  /// What a device finds somewhere.
  mutating func look(_ endpoints: [Endpoint]) {
    for space in 0..<2 {
      let iova = below(96) * unit
      var byte: [UInt8] = [0xFF]
      var span = byte.mutableSpan
      let result = endpoints[space].read(IOVA(iova), into: &span)
      guard let (start, area) = models[space].area(over: iova) else {
        guard case .fault = result else {
          Issue.record("\(String(iova, radix: 16)) is not mapped, and a device reads \(byte)")
          continue
        }
        continue
      }
      let page = (area.memory + (iova - start) - memory) >> 12
      #expect(result == .done && byte == [UInt8(page)], "\(String(iova, radix: 16))")
      // Writing what is there already.
      let written = endpoints[space].write(IOVA(iova), byte.span)
      #expect((written == .done) == area.isWritable, "\(String(iova, radix: 16))")
    }
  }
}
