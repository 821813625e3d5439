import Hardware
import HostABI
import LogText
import PCIe

extension CallDecoder {
  /// Reads and writes: of a region by name, of a queue record by record.
  func decodeAccess(
    _ call: TracedCall, _ verb: String, _ count: Int, _ offset: UInt64?, _ bytes: [UInt8],
    _ decoded: inout DecodedCall
  ) {
    let done: Int? = if case .success(let done) = call.result { Int(clamping: done) } else { nil }
    switch call.file?.kind {
    case .device(let index):
      guard let offset, let place = RegionPlace(offset) else {
        decoded.fields = [DecodedField("offset", .hex(offset ?? 0))]
        break
      }
      decoded.shortName = "\(place.name) \(verb)"
      let register = place.isConfig ? knowledge.registers[index]?.name(at: Int(place.offset)) : nil
      decoded.fields = [
        DecodedField("offset", .hex(place.offset), label: ""), region(place),
      ]
      if let register {
        decoded.fields.append(DecodedField("register", .text(register), label: ""))
      }
      decoded.regionOffset = place.offset
      decoded.repeatKey =
        "\(verb) \(call.file?.name ?? "") \(place.name) \(done == nil ? "failed" : "")"
      addData(verb, count, bytes, done, &decoded)
      return
    case .faults:
      let records = verb == "read" ? pageRequests(bytes) : pageResponses(bytes)
      decoded.fields = [DecodedField("records", .text(records), label: "")]
    case .events:
      decoded.fields = [DecodedField("events", .text(events(bytes, count: done ?? 0)), label: "")]
    case .iommu, .group, .access, .buffer, nil: break
    }
    decoded.fields.append(DecodedField("count", .number(UInt64(max(0, count))), isShown: false))
    if let done { decoded.outcome = "\(done) B" }
  }

  /// A register's value as a number, anything longer as bytes.
  private func addData(
    _ verb: String, _ count: Int, _ bytes: [UInt8], _ done: Int?, _ decoded: inout DecodedCall
  ) {
    decoded.fields.append(
      DecodedField("count", .byteCount(UInt64(max(0, count))), label: "", isShown: count > 8))
    let isNumber = [1, 2, 4, 8].contains(count) && bytes.count == count
    let text: String
    if isNumber {
      let value = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      text = "0x" + value.hex(digits: 2 * count)
    } else {
      text = HumanText.bytes(bytes)
    }
    if verb == "write" {
      decoded.fields.append(DecodedField("data", .text(text), label: "←"))
    } else if done != nil {
      decoded.fields.append(DecodedField("data", .text(text), isShown: false, isAnswer: true))
      decoded.outcome = text
    }
    if let done, done != count { decoded.outcome += " (\(done) of \(count) B)" }
  }

  private func pageRequests(_ bytes: [UInt8]) -> String {
    let size = PageFaultRecord.byteCount
    let reader = StructureReader(bytes)
    let texts = (0..<bytes.count / size).map { index in
      let at = index * size
      let flags = reader.word(at)
      let rights = Self.names(UInt64(reader.word(at + 16)), ["read", "write", "exec", "priv"])
      return (flags & PageFaultBits.pasidValid != 0 ? "PASID \(reader.word(at + 8)) " : "")
        + rights.joined(separator: "|") + " at \(reader.long(at + 24).hex), group "
        + "\(reader.word(at + 12))\(flags & PageFaultBits.lastPage != 0 ? " last" : "")"
        + ", cookie \(reader.word(at + 36))"
    }
    return texts.isEmpty ? "nothing waits" : texts.joined(separator: "; ")
  }

  private func pageResponses(_ bytes: [UInt8]) -> String {
    let reader = StructureReader(bytes)
    return (0..<bytes.count / 8).map { index in
      let code = reader.word(8 * index + 4)
      return "cookie \(reader.word(8 * index)) "
        + (code == 0 ? "success" : code == 1 ? "invalid" : "code \(code)")
    }.joined(separator: "; ")
  }

  private func events(_ bytes: [UInt8], count: Int) -> String {
    guard bytes.count >= VEventHeader.byteCount else { return "nothing waits" }
    let reader = StructureReader(bytes)
    let isLost = reader.word(0) & 1 == 1
    return "sequence \(reader.word(4))" + (isLost ? ", events were lost" : "")
      + ", \(HumanText.bytes(Array(bytes.dropFirst(8)), limit: 32))"
  }
}
