import Hardware
import HostABI
import LogText

extension CallDecoder {
  /// What a structure's fixed fields do not say: lists behind it, what it points to, text.
  func addSpecial(
    _ call: TracedCall, _ request: UInt32, _ before: [UInt8], _ decoded: inout DecodedCall
  ) {
    switch call.file?.kind {
    case .device:
      switch VFIODeviceRequest(rawValue: request) {
      case .feature: addFeature(before, &decoded)
      case .setIRQs: addEventDescriptors(before, &decoded)
      case .hotReset: addDescriptors(before, from: 12, countAt: 8, "fds", &decoded)
      // The PASID itself says it.
      case .attach, .detach: hide(["flags"], &decoded)
      default: break
      }
    case .group:
      guard VFIOGroupRequest(rawValue: request) == .getDeviceFD else { return }
      let name = String(decoding: before.prefix { $0 != 0 }, as: UTF8.self)
      decoded.fields.append(
        DecodedField("name", .text(HumanText.printable(name)), label: ""))
      if case .success(let descriptor) = call.result {
        decoded.outcome = "fd \(descriptor)" + (call.other.map { " (\($0.name))" } ?? "")
      }
    case .iommu:
      switch VFIOContainerRequest(rawValue: request) {
      case .checkExtension, .setIOMMU:
        let raw = before.span.little(UInt64.self, at: 0) ?? 0
        decoded.fields.append(
          DecodedField("type", .choice(FieldNames.iommuType[raw], raw: raw), label: ""))
      default: addAttached(call, request, before, &decoded)
      }
    case .faults, .events, .access, .buffer, nil: break
    }
  }

  /// Leaves fields out of text that other fields say better.
  private func hide(_ names: Set<String>, _ decoded: inout DecodedCall) {
    for index in decoded.fields.indices where names.contains(decoded.fields[index].name) {
      decoded.fields[index].isShown = false
    }
  }

  private func addFeature(_ before: [UInt8], _ decoded: inout DecodedCall) {
    let flags = UInt64(before.span.little(UInt32.self, at: 4) ?? 0)
    let number = flags & 0xFFFF
    decoded.fields.removeAll { $0.name == "flags" }
    decoded.fields.append(
      DecodedField("feature", .choice(FieldNames.feature[number], raw: number), label: ""))
    decoded.fields.append(
      DecodedField(
        "flags", .flags(Self.names(flags >> 16, ["GET", "SET", "PROBE"]), raw: flags), label: ""))
  }

  private func addEventDescriptors(_ before: [UInt8], _ decoded: inout DecodedCall) {
    let flags = before.span.little(UInt32.self, at: 4) ?? 0
    guard flags & VFIOSetIRQsFlags.dataEventFD.rawValue != 0 else { return }
    addDescriptors(before, from: 20, countAt: 16, "fds", &decoded)
  }

  private func addDescriptors(
    _ before: [UInt8], from start: Int, countAt: Int, _ name: String,
    _ decoded: inout DecodedCall
  ) {
    let count = Int(before.span.little(UInt32.self, at: countAt) ?? 0)
    let numbers = (0..<min(count, 8)).compactMap {
      before.span.little(Int32.self, at: start + 4 * $0).map { "\($0)" }
    }
    guard !numbers.isEmpty else { return }
    let more = count > numbers.count ? " …" : ""
    decoded.fields.append(
      DecodedField(name, .text(numbers.joined(separator: " ") + more)))
  }

  /// Data that a structure points to: a guest's table, commands, the unit's registers.
  private func addAttached(
    _ call: TracedCall, _ request: UInt32, _ before: [UInt8], _ decoded: inout DecodedCall
  ) {
    guard !call.attached.isEmpty else { return }
    let data = StructureReader(call.attached)
    let type: UInt32
    switch IOMMUFDRequest(rawValue: request & 0xFF) {
    case .hwptAlloc:
      type = StructureReader(before).word(24)
      if type == HWPTDataType.vtdStage1 {
        hide(["data_len", "data_uptr"], &decoded)
        decoded.fields += [
          DecodedField("pgtbl_addr", .hex(data.long(8)), label: "tables at"),
          DecodedField("addr_width", .number(UInt64(data.word(16))), label: "width"),
          DecodedField(
            "vtd_flags",
            .flags(Self.names(data.long(0), ["SRE", "EAFE", "WPE"]), raw: data.long(0)),
            label: "", isShown: data.long(0) != 0),
        ]
      } else if type == HWPTDataType.armSMMUv3 {
        hide(["data_len", "data_uptr"], &decoded)
        decoded.fields.append(
          DecodedField("ste", .text("\(data.long(0).hex) \(data.long(8).hex)"), label: "STE"))
      }
    case .getHardwareInfo:
      guard case .success = call.result, case .ioctl(_, _, let after) = call.call else { return }
      type = StructureReader(after).word(24)
      if type == HardwareInfoType.vtd {
        decoded.fields += [
          DecodedField("cap_reg", .hex(data.long(8)), label: "CAP", isAnswer: true),
          DecodedField("ecap_reg", .hex(data.long(16)), label: "ECAP", isAnswer: true),
        ]
      } else if type == HardwareInfoType.armSMMUv3 {
        for (name, offset) in [("idr0", 8), ("idr1", 12), ("idr3", 20), ("idr5", 28)] {
          decoded.fields.append(
            DecodedField(name, .hex(UInt64(data.word(offset))), isAnswer: true))
        }
      }
    case .hwptInvalidate: addCommands(data, StructureReader(before), &decoded)
    default: break
    }
  }

  /// The first commands of an invalidation.
  private func addCommands(
    _ data: StructureReader, _ before: StructureReader, _ decoded: inout DecodedCall
  ) {
    let length = Int(before.word(20))
    guard length >= 16, length <= data.bytes.count else { return }
    let count = min(Int(before.word(24)), 3, data.bytes.count / length)
    var texts: [String] = []
    for index in 0..<count {
      let at = index * length
      if before.word(16) == InvalidateDataType.vtdStage1, length >= 24 {
        let pages = data.long(at + 8)
        texts.append(
          pages == .max
            ? "everything"
            : "\(data.long(at).hex)+\(pages) pages\(data.word(at + 16) & 1 == 1 ? " leaf" : "")")
      } else {
        texts.append("\(data.long(at).hex) \(data.long(at + 8).hex)")
      }
    }
    guard !texts.isEmpty else { return }
    hide(["entry_len", "data_uptr"], &decoded)
    let more = Int(before.word(24)) > count ? ", …" : ""
    decoded.fields.append(
      DecodedField("commands", .text(texts.joined(separator: ", ") + more), label: ""))
  }
}
