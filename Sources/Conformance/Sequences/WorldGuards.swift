import HostABI

/// Keeps a sequence away from what a real kernel has no one answer for, or does not survive.
///
/// - A mock device must not go while PASIDs of it are attached.
/// - Pages marked written are exact only in page tables without large pages, because elsewhere
///   physically adjacent pages, which are chance, share one mark.
/// - Memory of more than one page under a hardware queue must be adjacent, which is chance.
/// - A move of a VFIO device's RID that fails after the ranges were reserved takes the interrupt
///   window away from the address space that the device stays on: such a sequence ends there.
/// - Data of a request must stay within the part of the arena that is kept for it, because what lies
///   behind it is not the same on both kernels.
/// - A closed descriptor's number may by now be another file's.
struct WorldGuards {
  private var pasids: [UInt32: Set<UInt32>] = [:]
  /// IOAS ids without large pages since they were made.
  private var exact: Set<UInt32> = []
  private var ioasOfTable: [UInt32: UInt32] = [:]
  private var ioases: Set<UInt32> = []
  /// VFIO descriptors whose RID is attached.
  private var attachedDevices: Set<UInt32> = []

  /// What is attached: holder and PASID.
  var attachedPASIDs: [(UInt32, UInt32)] {
    pasids.flatMap { pair in pair.value.map { (pair.key, $0) } }
  }

  /// Whether a step may be carried out.
  func allow(_ template: StepTemplate, _ values: [UInt64]) -> Bool {
    func value(_ name: String) -> UInt64 {
      template.parameters.firstIndex { $0.name == name }.map { values[$0] } ?? 0
    }
    guard staysInScratch(template.name, value) else { return false }
    switch template.name {
    case "destroy": return pasids[UInt32(truncatingIfNeeded: value("id"))]?.isEmpty ?? true
    case "markdirty":
      let hwpt = UInt32(truncatingIfNeeded: value("hwpt"))
      guard let ioas = ioasOfTable[hwpt] else { return true }
      return exact.contains(ioas)
    case "hwqueue": return value("iova") & 0xFFF &+ min(value("length"), 0x2000) <= 4096
    default: return true
    }
  }

  private func staysInScratch(_ name: String, _ value: (String) -> UInt64) -> Bool {
    let limit = Arena.argument - Arena.scratch
    func within(_ bytes: UInt64, unlessAbove refused: UInt64) -> Bool {
      bytes <= limit || bytes > refused
    }
    switch name {
    case "markdirty":
      guard value("page") > 0 else { return true }
      return within(value("length") / value("page") / 8, unlessAbove: 1 << 24)
    case "invalidate", "invalidatecache":
      let (bytes, wraps) = value("count").multipliedReportingOverflow(by: value("bytes"))
      return wraps || bytes <= limit || value("bytes") > 4096 || value("count") > 1 << 19
    case "allow": return value("count") <= limit / 16
    case "info": return value("length") <= limit
    case "get", "put": return within(value("length"), unlessAbove: 1 << 24)
    default: return true
    }
  }

  /// Whether a step that failed leaves a real kernel in a state that has no one answer.
  func ends(_ template: StepTemplate, _ values: [UInt64]) -> Bool {
    guard template.name == "attachdevice",
      let flags = template.parameters.firstIndex(where: { $0.name == "flags" }),
      let file = template.parameters.firstIndex(where: { $0.name == "file" })
    else { return false }
    return values[flags] & 1 == 0
      && attachedDevices.contains(UInt32(truncatingIfNeeded: values[file]))
  }

  /// Notes what a step that worked changed.
  mutating func note(_ template: StepTemplate, _ values: [UInt64], _ results: [UInt64]) {
    func value(_ name: String) -> UInt32 {
      template.parameters.firstIndex { $0.name == name }
        .map { UInt32(truncatingIfNeeded: values[$0]) } ?? 0
    }
    func result(_ index: Int) -> UInt32 {
      index < results.count ? UInt32(truncatingIfNeeded: results[index]) : 0
    }
    switch template.name {
    case "attach" where value("pasid") != 0:
      pasids[value("holder"), default: []].insert(value("pasid"))
    case "detach": pasids[value("holder")]?.remove(value("pasid"))
    case "ioas":
      ioases.insert(result(0))
      exact.remove(result(0))
    case "option" where value("option") == 1 && value("operation") == 0:
      if value("value") == 0 {
        exact.insert(value("object"))
      } else {
        exact.remove(value("object"))
      }
    case "hwpt", "hwptdata":
      ioasOfTable[result(0)] = ioases.contains(value("parent")) ? value("parent") : nil
    case "device":
      if ioases.contains(value("table")) { ioasOfTable[result(2)] = value("table") }
    case "attachdevice" where value("flags") & 1 == 0: attachedDevices.insert(value("file"))
    case "detachdevice" where value("flags") & 1 == 0: attachedDevices.remove(value("file"))
    case "closedevice": attachedDevices.remove(value("file"))
    case "destroy":
      ioases.remove(value("id"))
      ioasOfTable[value("id")] = nil
      pasids[value("id")] = nil
    default: break
    }
  }
}
