import Hardware
public import PCIe

/// One reason of a placement decision, with the values that it rests on.
public enum PlacementReason: Hashable, Sendable {
  // What the grade rests on.
  /// The bytes are zero in `dumps` dumps of the model and lie behind every known capability body.
  case behindEverything(offset: Int, dumps: Int, last: SurveyedCapability?)
  /// The bytes are zero, but a capability or its known body follows: a hole.
  case hole(offset: Int, below: SurveyedCapability)
  /// The bytes are zero, but lie behind a capability of unknown length.
  case shadow(offset: Int, of: SurveyedCapability)
  /// Another dump of the model has a capability above the bytes.
  case holeElsewhere(offset: Int)
  /// The bytes were declared free.
  case declaredFree(ClosedRange<Int>, source: String)
  /// The function is no PCI Express function.
  case conventional
  /// The list is empty, so a placeholder at 0x100 leads to the capability.
  case placeholder
  /// The nearest registers that no capability accounts for.
  case strayRegisters(below: Int)
  /// The offset is the one that other VMMs use.
  case customary
  /// The customary offset cannot be used or is worse.
  case notCustomary(Grade)

  // What refuses.
  /// The function already shows a PASID capability.
  case present(offset: Int)
  /// Where the capability would go for a VMM that VFIO hides the present one from.
  case behindVFIO(offset: Int, Grade)
  /// The user asked for an offset, which is not needed.
  case askedNotNeeded(offset: Int, Grade)
  /// A PASID capability of the device that the kernel hides.
  case hiddenPASID(offset: Int)
  /// What keeps the capability from being added, in PCIe's words.
  case refusal(InsertionRefusal)
  /// The list or the space cannot take any capability.
  case unusable(SpaceState)
  /// A capability owns some of the bytes.
  case overlaps(offset: Int, SurveyedCapability)
  /// A capability that the kernel hides owns some of the bytes.
  case overlapsHidden(offset: Int, SurveyedCapability)
  /// Registers that no capability accounts for.
  case nonZero(offset: Int, at: Int)
  /// Another dump of the model has something there.
  case takenElsewhere(offset: Int, dump: String?)
  /// The range is forbidden.
  case forbidden(offset: Int, ClosedRange<Int>, source: String)
  /// An empty list needs a placeholder at 0x100, which is forbidden.
  case placeholderForbidden(ClosedRange<Int>, source: String)
  /// A declared range holds registers, so the declaration cannot be believed there.
  case declarationContradicted(ClosedRange<Int>, at: Int, source: String)
  /// No offset is left.
  case nowhere
  /// No offset is good for all devices of a model.
  case noCommonOffset(members: Int)
}

extension PlacementReason: CustomStringConvertible {
  /// The reason in words.
  public var description: String {
    switch self {
    case .behindEverything(_, let dumps, let last):
      (dumps > 1 ? "all zero in the \(dumps) dumps of this model" : "all zero")
        + (last.map { ", and beyond the last capability (\($0))" }
          ?? ", and the device has no extended capability")
    case .hole(_, let below):
      "all zero, but below \(below): a hidden register could live in the hole"
    case .shadow(_, let owner):
      "all zero, but behind \(owner), and could belong to it"
    case .holeElsewhere:
      "all zero, but another dump of this model has a capability above or around it"
    case .declaredFree(let bytes, let source):
      "\(Self.text(bytes)) is declared free: \(source)"
    case .conventional:
      "the function has no PCI Express capability, so a guest does not look for extended ones"
    case .placeholder:
      "the extended list is empty: a placeholder at 0x100, which is zero, leads to the capability"
    case .strayRegisters(let below):
      "the nearest bytes that are not zero and that no capability accounts for are at \(below.hex)"
    case .customary:
      "the place that other VMMs use"
    case .notCustomary(let grade):
      "the place that other VMMs use, \(Candidates.customaryOffset.hex), is \(grade)"
    case .present(let offset):
      "the function shows a PASID capability at \(offset.hex): nothing is synthesised"
    case .behindVFIO(let offset, let grade):
      "VFIO hides it from a VMM: for such a VMM, \(offset.hex) is \(grade) (--vfio-view auto)"
    case .askedNotNeeded(let offset, let grade):
      "the offset asked for, \(offset.hex), is not needed; it would be \(grade)"
    case .hiddenPASID(let offset):
      "the device's own PASID capability at \(offset.hex) is hidden from the VMM"
    case .refusal(let refusal): "\(refusal)"
    case .unusable(let state): "\(state)"
    case .overlaps(let offset, let owner):
      "\(Self.eight(offset)) would overlap \(owner)"
    case .overlapsHidden(let offset, let owner):
      "\(Self.eight(offset)) would overlap \(owner), which the kernel hides from the VMM"
    case .nonZero(let offset, let at):
      "\(Self.eight(offset)) is in use: \(at.hex) is not zero and no capability accounts for it"
    case .takenElsewhere(let offset, let dump):
      "\(Self.eight(offset)) is in use on \(dump ?? "another device of this model")"
    case .forbidden(let offset, let bytes, let source):
      "\(Self.eight(offset)) touches \(Self.text(bytes)), which is forbidden: \(source)"
    case .placeholderForbidden(let bytes, let source):
      "the extended list is empty, so a placeholder at 0x100 would lead to the capability, but "
        + "\(Self.text(bytes)) is forbidden: \(source)"
    case .declarationContradicted(let bytes, let at, let source):
      "\(Self.text(bytes)) is declared free (\(source)), but \(at.hex) is in use"
    case .noCommonOffset(let members):
      members == 1
        ? "no offset is good for the device" : "no offset is good for all \(members) devices"
    case .nowhere:
      "no eight bytes from 0x100 on are zero and free of capabilities"
    }
  }

  private static func text(_ bytes: ClosedRange<Int>) -> String {
    "\(bytes.lowerBound.hex)-\(bytes.upperBound.hex)"
  }

  private static func eight(_ offset: Int) -> String { text(offset...offset + 7) }
}

extension SpaceState: CustomStringConvertible {
  /// The state in words, as a reason.
  public var description: String {
    switch self {
    case .usable: "the extended list is whole"
    case .notRead(let size): "\(InsertionRefusal.notRead(size: size))"
    case .absent: "\(InsertionRefusal.noExtendedSpace)"
    case .broken(let problem): "the capability list is broken: \(problem)"
    }
  }
}
