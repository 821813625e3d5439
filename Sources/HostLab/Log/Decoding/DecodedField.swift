import Hardware
import LogText

/// One field of a call, read.
struct DecodedField: Hashable, Sendable {
  /// What a field says.
  enum Value: Hashable, Sendable {
    case number(UInt64)
    case signed(Int64)
    case hex(UInt64)
    case byteCount(UInt64)
    case object(UInt32, name: String)
    case descriptor(Int32, file: String?)
    case flags([String], raw: UInt64)
    case choice(String?, raw: UInt64)
    case text(String)
  }

  /// The name in Linux's header, or what comes nearest.
  var name: String
  /// The word before the value in text.
  var label: String
  var value: Value
  /// What a field held before, when the answer changed it.
  var given: Value?
  /// Whether text shows the field.
  var isShown = true
  /// Whether the kernel gave it.
  var isAnswer = false

  init(
    _ name: String, _ value: Value, label: String? = nil, isShown: Bool = true,
    isAnswer: Bool = false
  ) {
    self.name = name
    self.value = value
    self.label = label ?? name
    self.isShown = isShown
    self.isAnswer = isAnswer
  }

  /// The field as text shows it.
  var text: String {
    var text = label
    if !text.isEmpty { text += " " }
    if let given { text += given.text + " → " }
    return text + value.text
  }
}

extension DecodedField.Value {
  /// The value as people read it.
  var text: String {
    switch self {
    case .number(let value): "\(value)"
    case .signed(let value): "\(value)"
    case .hex(let value): value.hex
    case .byteCount(let value): HumanText.byteCount(value)
    case .object(_, let name): name
    case .descriptor(let number, let file): "fd \(number)" + (file.map { " (\($0))" } ?? "")
    case .flags(let names, _): names.isEmpty ? "0" : names.joined(separator: "|")
    case .choice(let name, let raw): name ?? raw.hex
    case .text(let text): text
    }
  }
}

/// A call, read: its name, its fields and what came of it.
struct DecodedCall: Hashable, Sendable {
  /// The name in Linux's header, or the system call's.
  var name: String
  /// The name that text shows.
  var shortName: String
  var fields: [DecodedField]
  /// What came of it, in words: `hwpt 3 (on ioas 2)`, `ok`, or the errno.
  var outcome: String
  /// The errno's name, if the call failed.
  var errno: String?
  /// Why a call failed, as far as the errno and what is known tell.
  var reason: String?
  /// Calls with the same key that follow one another are one line with a count; `nil` for calls
  /// that always have a line of their own.
  var repeatKey: String?
  /// The offset of a region's access, for the range that a folded line names.
  var regionOffset: UInt64?
}
