import Hardware
import HostABI
import LogText

/// Reads calls with what the log knows.
struct CallDecoder {
  let knowledge: HostKnowledge

  /// Reads a call.
  ///
  /// - Parameters:
  ///   - call: The call.
  ///   - after: What is known once the call was answered; names of new objects come from there.
  /// - Returns: The call's fields and outcome.
  func decode(_ call: TracedCall, after: HostKnowledge) -> DecodedCall {
    let name = RequestNames.name(of: call.call, on: call.file?.kind)
    var decoded = DecodedCall(
      name: name, shortName: RequestShape.shortName(name), fields: [], outcome: "ok")
    switch call.call {
    case .open(let path):
      decoded.fields = [
        DecodedField("path", .text(HumanText.printable(path)), label: "")
      ]
      if case .success(let descriptor) = call.result {
        decoded.outcome = "fd \(descriptor)" + (call.other.map { " (\($0.name))" } ?? "")
      }
    case .close: break
    case .duplicate(let new):
      decoded.outcome = "fd \(new)"
    case .ioctl(let request, let before, let answer):
      decodeRequest(call, request, before, answer, after, &decoded)
    case .read(let count, let offset, let bytes):
      decodeAccess(call, "read", count, offset, bytes, &decoded)
    case .write(let count, let offset, let bytes):
      decodeAccess(call, "write", count, offset, bytes, &decoded)
    case .map(let offset, let byteCount, let writable):
      let place = RegionPlace(offset)
      decoded.shortName = "mmap " + (place?.name ?? "")
      decoded.fields = [
        DecodedField("offset", .hex(place?.offset ?? offset), label: ""),
        DecodedField("length", .byteCount(byteCount), label: ""),
        DecodedField("access", .text(writable ? "read|write" : "read"), label: ""),
      ]
      if let place { decoded.fields.append(region(place)) }
    }
    if case .failure(let errno) = call.result {
      decoded.errno = "\(errno)"
      decoded.outcome = "\(errno)"
      decoded.reason = reason(errno, call)
    }
    if call.note == nil, decoded.repeatKey == nil {
      decoded.repeatKey =
        "\(call.file?.name ?? "") " + decoded.name + decoded.outcome
        + decoded.fields.map(\.text).joined(separator: ",")
    }
    return decoded
  }

  func region(_ place: RegionPlace) -> DecodedField {
    DecodedField("region", .text(place.name), isShown: false)
  }

  // MARK: Requests

  private func decodeRequest(
    _ call: TracedCall, _ request: UInt32, _ before: [UInt8], _ answer: [UInt8],
    _ after: HostKnowledge, _ decoded: inout DecodedCall
  ) {
    let context = knowledge.context(of: call)
    guard let shape = RequestNames.shape(of: request, on: call.file?.kind, before) else {
      decoded.fields = [DecodedField("argument", .text(HumanText.bytes(before)), label: "")]
      return
    }
    let succeeded = (try? call.result.get()) != nil
    // What the program says of its structure's size is what counts.
    let form = call.file.map { ArgumentForm.of(request, on: $0.kind) }
    let stated = form == .sized ? Int(before.span.little(UInt32.self, at: 0) ?? 0) : before.count
    let flags = before.span.little(UInt32.self, at: 4) ?? 0
    for field in shape.fields {
      guard field.offset + field.byteCount <= min(stated, before.count) else { continue }
      guard field.neededFlags == 0 || flags & field.neededFlags != 0 else { continue }
      if field.direction == .answered, !succeeded { continue }
      let given = value(field, before, context, call, knowledge)
      let answered =
        field.direction == .given || !succeeded || answer.count < field.offset + field.byteCount
        ? given : value(field, answer, context, call, after)
      guard let shown = field.direction == .given ? given : answered else { continue }
      var read = DecodedField(
        field.name, shown, label: field.label, isAnswer: field.direction == .answered)
      if field.direction == .both, succeeded, given != answered { read.given = given }
      if case .plumbing = field.meaning { read.isShown = false }
      if field.hidesZero, shown.isZero, read.given == nil { read.isShown = false }
      if case .created = field.meaning {
        read.isShown = false
        if case .object(let id, _) = shown, let context {
          decoded.outcome = after.contexts[context]?.longName(id) ?? "object \(id)"
        }
      }
      decoded.fields.append(read)
    }
    if case .success(let result) = call.result, result > 0 { decoded.outcome = "\(result)" }
    addSpecial(call, request, before, &decoded)
  }

  private func value(
    _ field: FieldShape, _ bytes: [UInt8], _ context: Int?, _ call: TracedCall,
    _ knowledge: HostKnowledge
  ) -> DecodedField.Value? {
    let raw: UInt64
    switch field.byteCount {
    case 1: raw = UInt64(bytes[field.offset])
    case 2: raw = UInt64(bytes.span.little(UInt16.self, at: field.offset) ?? 0)
    case 4: raw = UInt64(bytes.span.little(UInt32.self, at: field.offset) ?? 0)
    default: raw = bytes.span.little(UInt64.self, at: field.offset) ?? 0
    }
    let id = UInt32(truncatingIfNeeded: raw)
    switch field.meaning {
    case .plumbing, .number: return .number(raw)
    case .hex, .address: return .hex(raw)
    case .byteCount: return .byteCount(raw)
    case .object, .created:
      let name = context.flatMap { knowledge.contexts[$0]?.name(id) }
      return .object(id, name: name ?? "object \(id)")
    case .descriptor: return .descriptor(Int32(bitPattern: id), file: call.other?.name)
    case .flags(let names): return .flags(Self.names(raw, names), raw: raw)
    case .choice(let names): return .choice(names[raw], raw: raw)
    }
  }

  /// Names of the bits that are set; bits without a name as one number.
  static func names(_ raw: UInt64, _ names: [String]) -> [String] {
    var rest = raw
    var result: [String] = []
    for (bit, name) in names.enumerated() where raw >> UInt64(bit) & 1 == 1 {
      result.append(name)
      rest &= ~(1 << UInt64(bit))
    }
    if rest != 0 { result.append(rest.hex) }
    return result
  }
}

extension DecodedField.Value {
  /// Whether the field holds zero.
  var isZero: Bool {
    switch self {
    case .number(let value), .hex(let value), .byteCount(let value): value == 0
    case .signed(let value): value == 0
    case .object(let id, _): id == 0
    case .flags(_, let raw), .choice(_, let raw): raw == 0
    case .descriptor, .text: false
    }
  }
}
