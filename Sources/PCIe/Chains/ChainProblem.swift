import Hardware

/// Something that is wrong with a capability list, with the offset where it shows.
public enum ChainProblem: Hashable, Sendable {
  /// The identity and class of the function read all ones: nothing answers.
  case absent
  /// The pointer at `at` has reserved low bits set; software masks them.
  case unaligned(CapabilityList, at: Int, value: Int)
  /// The pointer at `at` names an offset outside its list's part of config space.
  case outOfRange(CapabilityList, at: Int, value: Int)
  /// The pointer at `at` names an offset that the `size` bytes read do not reach.
  case notRead(CapabilityList, at: Int, value: Int, size: Int)
  /// The pointer at `at` leads to a header that is all zero.
  case zeroHeader(CapabilityList, at: Int, header: Int)
  /// The pointer at `at` leads to a header that reads all ones.
  case onesHeader(CapabilityList, at: Int, header: Int)
  /// The pointer at `at` leads back to an entry that was met before.
  case loop(CapabilityList, at: Int, to: Int)
  /// The list has more entries than software walks: 480, which only the extended one can exceed.
  case tooLong(CapabilityList, limit: Int, at: Int)
  /// The extended space repeats the first 256 bytes instead of having content of its own.
  case aliased
  /// Two entries claim the same bytes.
  case overlap(first: Capability, second: Capability)
  /// An entry's length runs past the end of its part of config space.
  case pastEnd(Capability, size: Int)
  /// An entry's own length field is smaller than its header, so its length is unknown.
  case badLength(CapabilityList, at: Int, value: Int)

  /// Whether the links can no longer be trusted.
  ///
  /// An overlap or an odd length leaves them whole.
  public var breaksChain: Bool {
    switch self {
    case .overlap, .pastEnd, .badLength: false
    case .absent, .aliased, .unaligned, .outOfRange, .notRead, .zeroHeader, .onesHeader, .loop,
      .tooLong:
      true
    }
  }

  /// The list that the problem belongs to; `nil` when it concerns the whole function.
  public var list: CapabilityList? {
    switch self {
    case .absent: nil
    case .aliased: .extended
    case .overlap(let first, _): first.list
    case .pastEnd(let capability, _): capability.list
    case .unaligned(let list, _, _), .outOfRange(let list, _, _), .notRead(let list, _, _, _),
      .zeroHeader(let list, _, _), .onesHeader(let list, _, _), .loop(let list, _, _),
      .tooLong(let list, _, _), .badLength(let list, _, _):
      list
    }
  }
}

extension ChainProblem: CustomStringConvertible {
  /// The problem in words, with its offsets.
  public var description: String {
    switch self {
    case .absent:
      "the function does not answer: offsets 0x0 and 0x8 read all ones"
    case .unaligned(let list, let at, let value):
      "\(list) pointer at \(at.hex) is not dword-aligned: \(value.hex)"
    case .outOfRange(let list, let at, let value):
      "\(list) pointer at \(at.hex) names \(value.hex), outside "
        + "\(list.offsets.lowerBound.hex)-\(list.offsets.upperBound.hex)"
    case .notRead(let list, let at, let value, let size):
      "\(list) pointer at \(at.hex) names \(value.hex), but only \(size) bytes were read"
    case .zeroHeader(let list, let at, let header):
      "\(list) pointer at \(at.hex) leads to \(header.hex), where the header is zero"
    case .onesHeader(let list, let at, let header):
      "\(list) pointer at \(at.hex) leads to \(header.hex), where the header reads all ones"
    case .loop(let list, let at, let to):
      "\(list) pointer at \(at.hex) leads back to \(to.hex): the list loops"
    case .tooLong(let list, let limit, let at):
      "\(list) list has more than \(limit) entries; software stops at \(at.hex)"
    case .aliased:
      "the extended space repeats the first 256 bytes from 0x100 on: there is none"
    case .overlap(let first, let second):
      "\(second.shortName) at \(second.offset.hex) overlaps \(first.shortName), which has "
        + "\(first.knownBytes.lowerBound.hex)-\(first.knownBytes.upperBound.hex)"
    case .pastEnd(let capability, let size):
      "\(capability.shortName) at \(capability.offset.hex) has \(size) bytes and runs past "
        + "\(capability.list.offsets.upperBound.hex)"
    case .badLength(let list, let at, let value):
      "\(list) capability at \(at.hex) states a length of \(value) bytes, less than its header"
    }
  }
}
