import HostABI
import HostSystem
import LogText
import SoftHost
import Synchronization
import SystemPackage
import Testing

@testable import HostLab

@Suite("The log of a program's requests")
struct RequestLogTests {
  /// A VMM's way to a nested table with a PASID, and some mistakes.
  private func run(_ program: TracedProgram) throws {
    let iommu = try program.open("/dev/iommu", .iommu)
    let vfio = try program.open("/dev/vfio/devices/vfio0", .device(0))
    var bind = BindArgument { $0.iommufd = iommu }
    try program.request(VFIODeviceRequest.bindIOMMUFD.number, vfio, &bind, about: iommu)
    var ioas = IOASAllocArgument()
    try program.request(IOMMUFDRequest.ioasAlloc.number, iommu, &ioas)
    let memory = try program.process.allocate(1 << 20, [.read, .write])
    var map = IOASMapArgument {
      $0.flags = 7
      $0.ioasID = ioas.outID
      $0.userAddress = memory
      $0.length = 1 << 20
      $0.iova = 0x10_0000
    }
    try program.request(IOMMUFDRequest.ioasMap.number, iommu, &map)
    let buffer = try program.process.allocate(4096, [.read, .write])
    var info = HardwareInfoArgument {
      $0.deviceID = bind.outDeviceID
      $0.dataLength = 24
      $0.dataAddress = buffer
    }
    try program.request(IOMMUFDRequest.getHardwareInfo.number, iommu, &info)
    var parent = HWPTAllocArgument {
      $0.flags = 9
      $0.deviceID = bind.outDeviceID
      $0.parentID = ioas.outID
    }
    try program.request(IOMMUFDRequest.hwptAlloc.number, iommu, &parent)
    try program.process.store(
      VTdStage1 {
        $0.tableAddress = 0x4000
        $0.addressWidth = 48
      }.bytes(), buffer)
    var nested = HWPTAllocArgument {
      $0.flags = 8
      $0.deviceID = bind.outDeviceID
      $0.parentID = parent.outID
      $0.dataType = 1
      $0.dataLength = 24
      $0.dataAddress = buffer
    }
    try program.request(IOMMUFDRequest.hwptAlloc.number, iommu, &nested)
    var attach = AttachArgument { $0.tableID = parent.outID }
    try program.request(VFIODeviceRequest.attach.number, vfio, &attach)
    var pasid = AttachArgument {
      $0.flags = 1
      $0.tableID = nested.outID
      $0.pasid = 5
    }
    try program.request(VFIODeviceRequest.attach.number, vfio, &pasid)
    var destroy = DestroyArgument { $0.id = parent.outID }
    try program.request(IOMMUFDRequest.destroy.number, iommu, &destroy)
    destroy.id = 77
    try program.request(IOMMUFDRequest.destroy.number, iommu, &destroy)
    try program.read(vfio, 4, at: 7 << 40)
    for offset in stride(from: UInt64(4), to: 0x40, by: 4) {
      try program.read(vfio, 4, at: 7 << 40 | offset)
    }
    program.record(
      .dma(TracedDMA(device: 0, pasid: 5, address: 0x1000, byteCount: 4096, isWrite: true)))
    program.record(.released(TracedFile(.iommu, number: 1)))
    program.record(.ended(.exited(3)))
  }

  @Test("a line says which object, with which flags, became what")
  func lines() throws {
    let program = try TracedProgram()
    try run(program)
    let text = program.text
    for line in [
      "open                   /dev/iommu = fd 3 (iommu#1)",
      "vfio0#2    BIND_IOMMUFD           to fd 3 (iommu#1) = dev 1 (vfio0)",
      "iommu#1    IOAS_ALLOC             = ioas 2",
      "FIXED_IOVA|WRITEABLE|READABLE = ok",
      "ioas 2, iova 0x100000, 1 MiB, at 0x",
      "vfio0, bytes 24, into 0x",
      "INTEL_VTD, PASID bits 20, DIRTY_TRACKING|PCI_PASID_PRIV, CAP 0x",
      "for vfio0, on ioas 2, NEST_PARENT|PASID = hwpt 3 (on ioas 2)",
      "for vfio0, on hwpt 3, PASID, data VTD_S1, tables at 0x4000, width 48 = hwpt 4 (nested on hwpt 3)",
      "ATTACH_IOMMUFD_PT      to hwpt 3 = ok",
      "ATTACH_IOMMUFD_PT      to hwpt 4, PASID 5 = ok",
      "hwpt 3 = EBUSY: used by hwpt 4, vfio0",
      "unknown object 77 = ENOENT: id 77: there is no such object",
      "config read            0x0, Vendor ID = 0x0b258086",
      "… 15 more, 0x4…0x3c, 75.0 µs together",
      "DMA write PASID 5 at 0x1000, 4 KiB",
      "the program exited with 3",
    ] {
      #expect(text.contains(line), "missing: \(line)\nin\n\(text)")
    }
  }

  @Test("with all lines, nothing is folded")
  func allLines() throws {
    let program = try TracedProgram(.text(LogStyle(showsAll: true)))
    try run(program)
    #expect(program.text.split(separator: "\n").count { $0.contains("config read") } == 16)
    #expect(!program.text.contains("more"))
  }

  @Test("the summary counts, and says what was left to the last close")
  func summary() throws {
    let program = try TracedProgram()
    try run(program)
    program.end()
    let text = program.text
    for line in [
      "IOMMU_HWPT_ALLOC", "1 EBUSY, 1 ENOENT", "0 DMA reads, 1 write, 4 KiB",
      "2 attaches, 1 PASID",
      "left to the last close: dev 1 (vfio0), ioas 2, hwpt 3 (on ioas 2), "
        + "hwpt 4 (nested on hwpt 3); 1 mappings, 1 MiB; attached: vfio0 PASID 5 on hwpt 4, "
        + "vfio0 on hwpt 3",
    ] {
      #expect(text.contains(line), "missing: \(line)\nin\n\(text)")
    }
  }

  @Test("what a device moves is one line, a fault has its own")
  func deviceLines() throws {
    let program = try TracedProgram()
    for index in 0..<100 {
      program.record(
        .dma(
          TracedDMA(
            device: 0, pasid: 5, address: UInt64(index) << 12, byteCount: 4096,
            isWrite: index % 2 == 1)))
    }
    program.record(
      .dma(
        TracedDMA(
          device: 0, pasid: nil, address: 0, byteCount: 8, isWrite: false,
          fault: "nothing is attached")))
    program.end()
    let lines = program.text.split(separator: "\n").dropFirst(2).map { String($0) }
    #expect(lines[0].hasSuffix("vfio0      DMA read PASID 5 at 0x0, 4 KiB"))
    #expect(lines[1].hasSuffix(" … 99 more, 396 KiB"))
    #expect(lines[2].hasSuffix("DMA read at 0x0, 8 B: fault, nothing is attached"))
    #expect(
      program.text.contains("50 DMA reads, 50 writes, 400 KiB; DMA through 1 PASID; 1 fault"))
  }

  @Test("JSON has one object a line, each with its type, and the summary last")
  func json() throws {
    let program = try TracedProgram(.json)
    try run(program)
    program.end()
    let lines = program.text.split(separator: "\n")
    #expect(lines.allSatisfy { $0.hasPrefix("{\"type\":\"") && $0.hasSuffix("}") })
    #expect(lines.last?.hasPrefix("{\"type\":\"summary\"") == true)
    #expect(lines.dropLast().count { $0.contains("\"name\":\"pread\"") } == 16)
    #expect(program.text.contains(#""flags":{"raw":9,"names":["NEST_PARENT","PASID"]}"#))
    #expect(program.text.contains(#""pt_id":{"id":2,"name":"ioas 2"}"#))
    #expect(program.text.contains(#""errno":"EBUSY","errno_number":16"#))
  }

  @Test("a log gets all that several threads bring, each thread's in its order")
  func threads() async throws {
    let bytes = Mutex<[UInt8]>([])
    let log = RequestLog(devices: [], format: .json) { new in bytes.withLock { $0 += new } }
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<4 {
        group.addTask {
          for index in 0..<5000 {
            log.record(
              TracedCall(
                start: UInt64(index), duration: 1, process: 1, thread: Int32(thread), file: nil,
                call: .open(path: "/x"), result: .failure(.ENOENT)))
          }
        }
      }
    }
    #expect(log.finish() == nil)
    log.record(.message("too late"), at: 0)
    #expect(log.finish() == nil)
    let lines = String(decoding: bytes.withLock { $0 }, as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 20_001)
    for thread in 0..<4 {
      let times = lines.filter { $0.contains("\"thread\":\(thread),") }.compactMap { line in
        line.split(separator: ",").dropFirst().first?.split(separator: ":").last.flatMap { Int($0) }
      }
      #expect(times == Array(0..<5000))
    }
  }

  @Test("a log that cannot be written says so once, and disturbs nobody")
  func brokenSink() throws {
    let problem = HostError(path: "log", operation: .write, errno: .noSpace)
    let log = RequestLog(devices: [], format: .json) { _ throws(HostError) in throw problem }
    for _ in 0..<10 { log.record(.message("x"), at: 1) }
    #expect(log.finish() == problem)
  }
}
