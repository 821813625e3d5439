import DeviceModels
import GuestSupport
import HostLab
import HostSystem
import Hardware
import LogText
import Passthrough
import SoftHost
import Testing
import VFIOUser

@testable import Serving

@Suite("What is told of a device of the host")
struct PassedStatusTests {
  @Test("Its row has the memory that it reaches, and what its guest has turned on")
  func row() throws {
    let host = SoftwareHost.server(isStrict: true)
    var options = ServeOptions(
      devices: [try ServedDeviceChoice(parsing: "vfio=/dev/vfio/devices/vfio0")],
      socketDirectory: "/nowhere")
    options.unit = ServedUnitChoice()
    let trace = Notes()
    let machine = try ServedMachine(options, kernel: OwnProcessKernel(host), trace: trace)
    defer { machine.stop() }
    let device = try #require(machine.devices[0].passed)
    func row() throws -> ServeStatus.Device { try #require(machine.status().devices.first) }
    #expect(try row().kind == "vfio" && row().function.mappingCount == 0)

    let file = ReceivedFile(owning: try Calls.makeMemoryFile(2 << 20))
    for start in [0, 1 << 20] as [UInt64] {
      try device.map(
        UserMapping(
          range: start...start + 0xF_FFFF, isReadable: true, isWritable: true, file: (file, start)))
    }
    try device.write(7, at: 4, ([6, 0] as [UInt8]).span)
    let pasid = try #require(device.synthesis.offset)
    try device.write(7, at: UInt64(pasid + 6), ([1, 0] as [UInt8]).span)
    let full = try row()
    #expect(full.function.mappingCount == 2 && full.function.mappedByteCount == 2 << 20)
    #expect(full.function.controls == ["bus master", "PASID"])
    #expect(full.pasidCount == 0 && full.problems.isEmpty)

    device.unmap(0...0xF_FFFF)
    device.unmap(0...0xF_FFFF)
    try device.reset()
    let less = try row()
    #expect(less.function.mappingCount == 1 && less.function.controls.isEmpty)
    device.detached()
    #expect(try row().function.mappingCount == 0)

    let memory = trace.all.filter {
      switch $0 {
      case .mapped, .unmapped: true
      default: false
      }
    }
    #expect(
      memory == [
        .mapped(0...0xF_FFFF, isReadable: true, isWritable: true, hasFile: true),
        .mapped(0x10_0000...0x1F_FFFF, isReadable: true, isWritable: true, hasFile: true),
        .unmapped(0...0xF_FFFF),
      ])
  }

  @Test("PASIDs that the guest's tables have are the host's, and told of")
  func attached() throws {
    let machine = try PassedMachine()
    machine.device.attached(to: SilentPeer())
    try machine.device.map(machine.mapping())
    let directory = try machine.start()
    let process = machine.driver.process(1)
    #expect(machine.attach(9, directory, root: process.root))
    #expect(machine.device.attachedPASIDs.map(\.rawValue) == [9])
    for pasid: UInt32 in [300, 4, 77, 5] {
      #expect(machine.attach(pasid, directory, root: process.root))
    }
    for limit in 0..<7 {
      let (count, first) = machine.device.attachedPASIDs(first: limit)
      #expect(count == 5)
      #expect(first == Array(machine.device.attachedPASIDs.prefix(limit)))
    }
    #expect(machine.device.controls == .busMaster)
    machine.device.detached()
    #expect(machine.device.controls.isEmpty)
    machine.device.end()
    #expect(machine.device.controls.isEmpty && machine.device.attachedPASIDs.isEmpty)
  }

  @Test("What the host could not do is said, in the table and in JSON")
  func problems() {
    let status = ServeStatus(
      seconds: 1,
      devices: [
        .init(
          function: .init(name: "vfio0", place: "00:08.0", socket: "/s"), kind: "vfio",
          problems: ["it \u{1B} failed"])
      ], unit: nil)
    #expect(status.text(.init()).contains("vfio0: it "))
    #expect(!status.text(.init()).contains("\u{1B}"))
    #expect(String(decoding: status.json, as: UTF8.self).contains(#""problems":["it "#))
  }
}
