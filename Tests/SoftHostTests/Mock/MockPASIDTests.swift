import HostABI
import Testing

@testable import SoftHost

@Suite("PASIDs of mock devices")
struct MockPASIDTests {
  @Test("Attach, check, replace and detach")
  func life() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let first = try machine.table(device, on: ioas, .pasid)
    let second = try machine.table(device, on: ioas, .pasid)
    let plain = try machine.table(device, on: ioas)
    #expect(errno { _ = try machine.pasid(.attachPASID, device, 7, first) } == .EINVAL)
    _ = try machine.move(device, to: first)
    #expect(errno { _ = try machine.pasid(.attachPASID, device, 7, plain) } == .EINVAL)
    #expect(errno { _ = try machine.pasid(.attachPASID, device, 7, ioas) } == .EINVAL)
    #expect(errno { _ = try machine.pasid(.attachPASID, device, 7, 99) } == .ENOENT)
    #expect(errno { _ = try machine.pasid(.attachPASID, device, 7, device.id) } == .EINVAL)
    #expect(errno { _ = try machine.pasid(.replacePASID, device, 7, first) } == .EINVAL)
    #expect(try machine.pasid(.attachPASID, device, 7, first) == first)
    #expect(errno { _ = try machine.pasid(.attachPASID, device, 7, plain) } == .EBUSY)
    #expect(errno { _ = try machine.pasid(.attachPASID, device, 7, ioas) } == .EBUSY)
    #expect(try machine.pasid(.replacePASID, device, 7, first) == first)
    #expect(errno { _ = try machine.pasid(.replacePASID, device, 7, plain) } == .EINVAL)
    #expect(errno { _ = try machine.pasid(.replacePASID, device, 7, ioas) } == .EINVAL)
    try machine.pasid(.checkPASID, device, 7, first)
    #expect(try machine.pasid(.replacePASID, device, 7, second) == second)
    #expect(errno { try machine.pasid(.checkPASID, device, 7, first) } == .EINVAL)
    #expect(errno { try machine.pasid(.checkPASID, device, 7, 0) } == .EINVAL)
    #expect(errno { try machine.pasid(.checkPASID, device, 7, 99) } == .ENOENT)
    #expect(errno { try machine.pasid(.checkPASID, device, 7, ioas) } == .EINVAL)
    #expect(errno { _ = try machine.move(device, to: plain) } == .EINVAL)
    #expect(errno { try machine.destroy(second) } == .EBUSY)
    try machine.pasid(.detachPASID, device, 7)
    try machine.pasid(.detachPASID, device, 7)
    try machine.pasid(.checkPASID, device, 7, 0)
    try machine.destroy(second)
  }

  @Test(
    "How far PASIDs go",
    arguments: [
      (MockDeviceFlags.pasid, UInt32(0xF_FFFF), LinuxErrno?.none), (.pasid, 0x10_0000, .EINVAL),
      (.pasid, .max, .EINVAL), (MockDeviceFlags(), 1, .EINVAL),
      (MockDeviceFlags(), 1 << 31, .EINVAL),
      (MockDeviceFlags(), 0, nil),
    ])
  func limits(flags: MockDeviceFlags, pasid: UInt32, expected: LinuxErrno?) throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice(flags)
    let table = try machine.table(device, on: ioas, .pasid)
    try machine.pasid(.detachPASID, device, 0)
    #expect(errno { _ = try machine.pasid(.attachPASID, device, pasid, table) } == expected)
    try machine.pasid(.checkPASID, device, pasid, expected == nil ? table : 0)
    try machine.destroy(device.holder)
    try machine.destroy(table)
  }

  @Test("Every second attach of PASID 1024 fails, and a detach begins anew")
  func failing() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let first = try machine.table(device, on: ioas, .pasid)
    let second = try machine.table(device, on: ioas, .pasid)
    _ = try machine.move(device, to: first)
    try machine.pasid(.attachPASID, device, 1024, first)
    #expect(errno { try machine.pasid(.replacePASID, device, 1024, second) } == .ENOMEM)
    try machine.pasid(.checkPASID, device, 1024, first)
    try machine.pasid(.replacePASID, device, 1024, second)
    try machine.pasid(.checkPASID, device, 1024, second)
    try machine.pasid(.detachPASID, device, 1024)
    try machine.pasid(.attachPASID, device, 1024, first)
    // Refusals before the driver don't count.
    #expect(errno { try machine.pasid(.replacePASID, device, 1024, device.id) } == .EINVAL)
    #expect(errno { try machine.pasid(.replacePASID, device, 1024, second) } == .ENOMEM)
    // Other devices and PASIDs have nothing to do with it.
    try machine.pasid(.attachPASID, device, 1023, first)
    try machine.pasid(.replacePASID, device, 1023, second)
  }
}
