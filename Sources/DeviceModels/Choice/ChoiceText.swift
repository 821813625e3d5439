package import PCIe
import Hardware

/// The parts of what a user chose on a command line: `KIND[@BDF][=VALUE][,key=value…]`.
package struct ChoiceText: Hashable, Sendable {
  /// One `key=value`.
  package struct Setting: Hashable, Sendable {
    /// What is set; not empty.
    package let key: String
    /// To what; as it was written, and empty when nothing was.
    package let value: String
  }

  /// What is in front.
  package let kind: String
  /// Where it is to be, when that is written behind the kind.
  package let address: PCIAddress?
  /// What the kind has behind `=`.
  package let value: String?
  /// The settings in the order in which they are written.
  package let settings: [Setting]

  /// Divides what a user wrote.
  ///
  /// - Parameter text: The argument.
  /// - Throws: ``DeviceChoiceError`` for an address that is none, or a setting without a value.
  package init(parsing text: String) throws(DeviceChoiceError) {
    var parts = text.split(separator: ",", omittingEmptySubsequences: false)[...]
    let (head, value) = Self.divided(parts.removeFirst())
    let places = head.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    if places.count == 2 {
      guard let address = PCIAddress(places[1]) else { throw .address(String(places[1])) }
      self.address = address
    } else {
      address = nil
    }
    kind = String(places[0])
    self.value = value.map { String($0) }
    var settings: [Setting] = []
    for part in parts {
      let (key, value) = Self.divided(part)
      guard let value, !key.isEmpty else { throw .noValue(String(part)) }
      settings.append(Setting(key: String(key), value: String(value)))
    }
    self.settings = settings
  }

  /// The value, and the place that people put behind it, too: `dump=FILE@BDF`.
  ///
  /// - Parameter place: Takes the place, unless there is one.
  /// - Returns: The value without the place.
  /// - Throws: ``DeviceChoiceError/noValue(_:)`` when there is no value.
  package func valueAndPlace(_ place: inout PCIAddress?) throws(DeviceChoiceError) -> String {
    guard let value, !value.isEmpty else { throw .noValue(kind) }
    guard place == nil, let mark = value.lastIndex(of: "@"),
      let address = PCIAddress(value[value.index(after: mark)...])
    else { return value }
    place = address
    return String(value[..<mark])
  }

  /// A size as people write it: a number, and K, M or G behind it.
  package static func size(_ text: String) -> UInt64? {
    let shifts: [Character: UInt64] = ["K": 10, "M": 20, "G": 30]
    var digits = Substring(text)
    var shift: UInt64 = 0
    if let last = digits.last, let known = shifts[Character(last.uppercased())] {
      shift = known
      digits.removeLast()
    }
    guard let number = parseNumber(digits), number > 0, number <= Int.max >> Int(shift) else {
      return nil
    }
    return UInt64(number) << shift
  }

  private static func divided(_ part: Substring) -> (Substring, Substring?) {
    guard let place = part.firstIndex(of: "=") else { return (part, nil) }
    return (part[..<place], part[part.index(after: place)...])
  }
}
