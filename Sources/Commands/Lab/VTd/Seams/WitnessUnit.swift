import Hardware
import VirtualIOMMU

/// The register page of the unit, as the VMM forwards the guest's accesses to it.
///
/// What is noted of the queue is read from guest memory when the guest rings, as the unit does.
struct WitnessUnit {
  let unit: VTdUnit
  private let seams: SeamLog
  private let memory: GuestMemory

  init(_ unit: VTdUnit, _ seams: SeamLog, _ memory: GuestMemory) {
    self.unit = unit
    self.seams = seams
    self.memory = memory
  }

  func read(_ offset: Int, size: Int = 4) -> UInt64 {
    seams.note(.unit, "read \(Self.name(of: offset))")
    return unit.read(offset, size: size)
  }

  func write(_ value: UInt64, at offset: Int, size: Int = 4) {
    if offset == VTdRegister.queueTail { noteDescriptors(to: value) }
    seams.note(.unit, "write \(Self.name(of: offset))")
    unit.write(value, at: offset, size: size)
  }

  /// Notes the descriptors between the tail as it is and as it will be.
  private func noteDescriptors(to tail: UInt64) {
    let queue = VTdQueueAddress(rawValue: unit.read(VTdRegister.queueAddress, size: 8))
    let size: UInt64 = queue.isWide ? 32 : 16
    var at = unit.read(VTdRegister.queueTail, size: 8)
    while at != tail, at < queue.byteCount, tail < queue.byteCount {
      let word = try? memory.word(GuestPhysicalAddress(queue.base.rawValue + at))
      let type = Int((word ?? 0) & 0xF)
      seams.note(
        .unit,
        "queue "
          + (Self.descriptors.indices.contains(type) ? Self.descriptors[type] : "type \(type)"))
      at = (at + size) % queue.byteCount
    }
  }

  /// The descriptors by their type (VT-d §6.5.2).
  private static let descriptors = [
    "descriptor of no type", "context-cache invalidation", "IOTLB invalidation",
    "device-TLB invalidation", "interrupt-cache invalidation", "wait", "PASID-IOTLB invalidation",
    "PASID-cache invalidation", "PASID device-TLB invalidation", "page group response",
  ]

  private static func name(of offset: Int) -> String {
    if let name = names[offset] { return name }
    if offset >= VTdRegister.faultRecords { return "FRCD" }
    let groups = [
      (VTdRegister.faultEvent, "FE"), (VTdRegister.completionEvent, "IE"),
      (VTdRegister.requestEvent, "PE"),
    ]
    for (start, name) in groups where (start..<start + 16).contains(offset) {
      return name + ["CTL", "DATA", "ADDR", "UADDR"][(offset - start) / 4]
    }
    return offset.hex
  }

  private static let names: [Int: String] = [
    VTdRegister.version: "VER", VTdRegister.capability: "CAP",
    VTdRegister.extendedCapability: "ECAP", VTdRegister.command: "GCMD",
    VTdRegister.status: "GSTS", VTdRegister.rootTable: "RTADDR",
    VTdRegister.faultStatus: "FSTS", VTdRegister.queueHead: "IQH",
    VTdRegister.queueTail: "IQT", VTdRegister.queueAddress: "IQA",
    VTdRegister.queueError: "IQER", VTdRegister.requestHead: "PQH",
    VTdRegister.requestTail: "PQT", VTdRegister.requestAddress: "PQA",
    VTdRegister.requestStatus: "PRS",
  ]
}
