import Hardware
import IOMMU
import SoftHost

extension DMAResult {
  /// The name for programs.
  var name: String {
    switch self {
    case .done: "done"
    case .fault: "fault"
    case .blocked: "blocked"
    case .unreachable: "unreachable"
    }
  }

  /// The result in words, with the unit's reason.
  var word: String {
    switch self {
    case .done: "done"
    case .blocked: "blocked: no table attached"
    case .unreachable: "unreachable"
    case .fault(let fault, doneBytes: _):
      switch fault.reason {
      case .vtd(let reason): "fault \(reason.rawValue.hex): \(reason.meaning)"
      case .smmu(let event, _): "fault: event \(event.rawValue.hex)"
      }
    }
  }
}

extension DMAAccess {
  /// The access in words.
  var word: String {
    var words: [String] = []
    if contains(.read) { words.append("read") }
    if contains(.write) { words.append("write") }
    if contains(.execute) { words.append("execute") }
    if contains(.privileged) { words.append("privileged") }
    return words.isEmpty ? "nothing" : words.joined(separator: ", ")
  }
}

extension VTdFaultReason {
  /// What the code says, VT-d §7.1.3.
  var meaning: String {
    switch self {
    case .executeNotEnabled: "execute requests are not enabled"
    case .supervisorNotEnabled: "supervisor requests are not enabled"
    case .firstStageEntryFetch: "a first-stage entry cannot be read"
    case .firstStageNotPresent: "first-stage entry not present"
    case .firstStageReserved: "a first-stage entry has a reserved bit set"
    case .guestAddressTooWide: "the guest address is too wide for the second stage"
    case .topTableReadDenied: "the second stage denies the top first-stage table"
    case .tableReadDenied: "the second stage denies a first-stage table"
    case .tableWriteDenied: "the second stage denies writing a first-stage table"
    case .secondStagePermission: "the second stage denies it"
    case .notCanonical: "the address is not canonical"
    case .userOnSupervisor: "the first stage denies it to user requests"
    case .noExecute: "the first stage denies execution"
    case .inputTooWide: "the address is too wide for the second stage"
    case .writeDenied: "the first stage denies writing"
    case .readDenied: "the first stage denies reading"
    case .updateFailed: "an accessed or dirty bit cannot be set"
    default: "a reason that this program does not know"
    }
  }
}
