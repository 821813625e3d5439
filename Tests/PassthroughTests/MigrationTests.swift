import Foundation
import HostABI
import Hardware
import PCIe
import Passthrough
import Placement
import SoftHost
import Testing
import VirtualIOMMU

@Suite("A device's guest finds the same bytes on every host")
struct MigrationTests {
  @Test("the state of a device is taken over by one of the same layout")
  func restore() throws {
    let (here, there) = (try Machine(), try Machine())
    var source = try here.realise(0)
    var target = try there.realise(0)
    let control = try #require(source.synthesis.offset) + 6
    let pri = try #require(source.synthesis.pageRequests.offset)
    source.writeConfig(7, .word, at: control)
    source.writeConfig(1, .word, at: pri + 4)
    let saved = source.state()
    let text = try JSONEncoder().encode(saved)
    let read = try JSONDecoder().decode(DeviceState.self, from: text)
    #expect(read == saved)
    let changes = try target.restore(read)
    #expect(changes.pasidControl?.new.isEnabled == true)
    #expect(target.readConfig(.word, at: control) == source.readConfig(.word, at: control))
    // The host follows what the guest had turned on.
    #expect(target.pageRequestDescriptor != nil)
    #expect(target.state() == saved)
  }

  /// What differs on the other host, and the bytes that it shows in.
  static let others: [(String, @Sendable (FakeIOMMU, inout SynthesisRequest) -> Void, String)] = [
    ("width", { unit, _ in unit.pasidWidth = 16 }, "PASID Capability"),
    ("offset", { _, request in request.offset = 0xFE0 }, "0xfe0"),
    ("no PASIDs", { _, request in request.wantsPASID = false }, "0xff8"),
    ("no page requests", { unit, _ in unit.supportsPageRequests = false }, "PRI header"),
  ]

  @Test("any other layout is refused by naming the bytes", arguments: others.indices)
  func mismatch(index: Int) throws {
    let (_, change, bytes) = Self.others[index]
    var source = try Machine().realise(0)
    let saved = source.state()
    let machine = try Machine()
    var request = SynthesisRequest()
    change(machine.iommu, &request)
    var target = try machine.realise(0, request)
    let before = target.state()
    let error = #expect(throws: RestoreError.self) { try target.restore(saved) }
    #expect(error?.description.contains(bytes) == true, "\(String(describing: error))")
    #expect(target.state() == before)
  }

  @Test("every differing byte of a layout is found", arguments: 0..<64 as Range<UInt64>)
  func differences(seed: UInt64) throws {
    let config = SampleDevice.sapphireRapidsDSA
    let layout = ConfigLayout(of: config)
    #expect(layout.differences(from: layout).isEmpty)
    let field = layout.fields[Int(seed) % layout.fields.count]
    // Identity and capability registers may be anything; list pointers are taken apart elsewhere.
    guard field.name.hasSuffix("ID") || field.name.contains("Capabilit") else { return }
    var builder = ConfigSpaceBuilder(config)
    let at = field.offset + Int(seed / 7) % field.byteCount
    builder.put8(config.read8(at) ^ 0x20, at: at)
    let found = ConfigLayout(of: builder.config).differences(from: layout)
    #expect(found.contains { $0.bytes.contains(at) }, "\(field.name) at \(at)")
  }

  @Test("a form that we do not know is refused")
  func version() throws {
    var device = try Machine().realise(0)
    let text = try JSONEncoder().encode(device.state())
    let other = String(decoding: text, as: UTF8.self)
      .replacingOccurrences(of: "\"version\":1", with: "\"version\":9")
    let state = try JSONDecoder().decode(DeviceState.self, from: Data(other.utf8))
    #expect(throws: RestoreError.version(9, device: "vfio0")) { try device.restore(state) }
  }
}

@Suite("Pages that a device writes are told, whatever PASID it writes through")
struct DirtyPageTests {
  @Test(
    "through each PASID, through the RID, and after a replace", arguments: 0..<8 as Range<UInt64>)
  func complete(seed: UInt64) throws {
    let machine = try Machine()
    var device = try machine.realise(0)
    device.enable()
    let backend = try device.wishes()
    #expect(machine.passthrough.untracked.isEmpty)
    var expected: Set<UInt64> = []
    for number in 1...4 as ClosedRange<UInt32> {
      let root = 0x10_0000 + UInt64(number) << 16
      try backend.setTranslation(
        machine.firstStage(root, to: 0x20_0000 + UInt64(number) << 12), for: pasid(number))
    }
    // What was walked before tracking starts need not be told.
    try machine.passthrough.trackDirtyPages(true)
    for number in 1...4 as ClosedRange<UInt32> where seed >> (number - 1) & 1 == 1 {
      #expect(machine.write(0, 1, 0x7008, pasid: number))
      expected.insert(0x20_0000 + UInt64(number) << 12)
    }
    #expect(machine.write(0, 1, 0x30_0000 + seed << 12))
    expected.insert(0x30_0000 + seed << 12)
    try backend.setTranslation(.passThrough, for: pasid(1))
    #expect(machine.write(0, 1, 0x3F_0000, pasid: 1))
    expected.insert(0x3F_0000)
    func told() throws -> Set<UInt64> {
      var pages: Set<UInt64> = []
      try machine.passthrough.forEachDirtyRun { run in
        for page in stride(from: run.lowerBound.rawValue, to: run.upperBound.rawValue, by: 4096) {
          pages.insert(page)
        }
      }
      return pages
    }
    // First-stage tables are written too when their accessed bits are set.
    let first = try told()
    #expect(expected.isSubset(of: first))
    #expect(first.subtracting(expected).allSatisfy { 0x11_0000..<0x20_0000 ~= $0 })
    #expect(try told().isEmpty)
  }

  @Test("a device that comes while pages are tracked is tracked from the start")
  func hotPlug() throws {
    let machine = try Machine()
    try machine.passthrough.trackDirtyPages(true)
    var device = try machine.realise(0)
    device.enable()
    #expect(machine.write(0, 1, 0x3F_0000))
    var runs = 0
    try machine.passthrough.forEachDirtyRun { run in
      runs += 1
      #expect(run.lowerBound == GuestPhysicalAddress(0x3F_0000))
    }
    #expect(runs == 1)
  }

  @Test("a table that does not track is named")
  func untracked() throws {
    let machine = try Machine(FakeIOMMU([.wantsNestingParent, .supportsPASID, .wantsPASIDAttach]))
    let device = try machine.realise(0)
    guard case .pageTable(let id, _, _) = device.attachment.table else { return }
    #expect(machine.passthrough.untracked.map(\.table) == [id])
    #expect(machine.passthrough.untracked.first?.description.contains("DIRTY_TRACKING") == true)
  }
}
