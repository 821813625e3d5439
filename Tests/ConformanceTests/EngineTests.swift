import HostABI
import SoftHost
import Testing

@testable import Conformance

@Suite("The driver of an engine")
struct EngineTests {
  @Test("a dedicated queue is configured as a real one was seen")
  func dedicatedQueue() {
    // What Linux left in the registers of a Sapphire Rapids DSA, and what that told of itself.
    let queue = QueueConfiguration(requests: .pasid(0), size: 16)
    #expect(queue.dwords(0x40_915F_0107) == [0x10, 0, 0x1000_0011, 0x15F])
  }

  @Test("a shared queue has a threshold, a plain one neither that nor a PASID")
  func otherQueues() {
    #expect(
      QueueConfiguration(requests: .descriptors, size: 32).dwords(0)
        == [32, 32, 0x1000_0010, 0])
    #expect(QueueConfiguration(requests: .plain, size: 8).dwords(0) == [8, 0, 0x11, 0])
  }

  @Test("a queue whose descriptors may wait for pages says so in bit 1")
  func blockingQueue() {
    let queue = QueueConfiguration(requests: .descriptors, size: 8, mayBlock: true)
    #expect(queue.dwords(0)[2] == 0x1000_0012)
  }

  @Test("a descriptor that waits for pages says so in flag 1")
  func blockingDescriptor() {
    let bytes = WorkDescriptor(operation: .move, record: 0x20, blocks: true).bytes
    #expect(bytes.little(UInt32.self, at: 4) == 0x0300_000E)
  }

  @Test("a queue's PASID stands in bits 8 to 27")
  func widestPASID() {
    let queue = QueueConfiguration(requests: .pasid(0xF_FFFF), size: 1)
    #expect(queue.dwords(0)[2] == 0x1FFF_FF11)
  }

  @Test("a descriptor's fields stand where the device reads them")
  func descriptor() {
    let bytes = WorkDescriptor(
      operation: .move, pasid: 0xABCDE, record: 0x1122_3344_5566_7780, source: 0x1000,
      destination: 0x2000, byteCount: 0x3000, vector: 5
    ).bytes
    #expect(bytes.count == 64)
    #expect(bytes.little(UInt32.self, at: 0) == 0xABCDE)
    #expect(bytes.little(UInt32.self, at: 4) == 0x0300_001C)
    #expect(bytes.little(UInt64.self, at: 8) == 0x1122_3344_5566_7780)
    #expect(bytes.little(UInt64.self, at: 16) == 0x1000)
    #expect(bytes.little(UInt64.self, at: 24) == 0x2000)
    #expect(bytes.little(UInt32.self, at: 32) == 0x3000)
    #expect(bytes.little(UInt16.self, at: 36) == 5)
    #expect(bytes[38...].allSatisfy { $0 == 0 })
  }

  @Test(
    "a completion record tells of faults by their codes",
    arguments: [
      (UInt8(0x00), false, Bool?.none), (0x01, true, nil), (0x03, false, false),
      (0x83, false, true), (0x04, false, false), (0x84, false, true), (0x22, false, false),
      (0xA2, false, true), (0x10, false, nil),
    ])
  func completion(_ status: UInt8, isSuccess: Bool, isWrite: Bool?) {
    var bytes = [UInt8](repeating: 0, count: CompletionRecord.byteCount)
    bytes[0] = status
    bytes[5] = 0x10
    bytes[9] = 0x40
    let record = CompletionRecord(bytes)
    #expect(record.isSuccess == isSuccess)
    #expect(record.fault?.isWrite == isWrite)
    #expect(record.bytesCompleted == 0x1000)
    #expect(record.faultAddress == 0x4000)
  }

  @Test("a software error's fields stand where the device has them")
  func softwareError() {
    let error = SoftwareError(0x0ABC_DE03_0002_1A29, address: 0x4000)
    #expect(error.isValid)
    #expect(error.isWrite)
    #expect(error.code == 0x1A)
    #expect(error.queue == 0x02)
    #expect(error.pasid == 0xABCDE)
    #expect(error.address == 0x4000)
  }

  @Test("a device whose registers are plain memory is no engine, and nothing stays bound")
  func absent() throws {
    let kernel = SoftwareHost.server().makeProcess(.root)
    for _ in 0..<2 {
      #expect(throws: EngineAbsence.self) {
        _ = try EngineRun(
          on: kernel, paths: (0..<8).map { "/dev/vfio/devices/vfio\($0)" }, pasidCount: 3
        ) { _ in }
      }
    }
  }
}
