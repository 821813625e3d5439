import Synchronization
import VirtualIOMMU

/// Takes the unit's interrupts on their way to the guest.
final class WitnessInterrupts: MessageInterrupts {
  /// The unit's interrupts, by the data that the guest's driver gives each.
  enum Source: UInt32, CaseIterable {
    case fault = 0x31
    case completion = 0x32
    case pageRequest = 0x33

    var name: String {
      switch self {
      case .fault: "fault interrupt"
      case .completion: "completion interrupt"
      case .pageRequest: "page request interrupt"
      }
    }
  }

  private let seams: SeamLog
  private let waiting = Mutex<[Source]>([])

  init(_ seams: SeamLog) { self.seams = seams }

  func send(_ data: UInt32, to address: UInt64) {
    guard let source = Source(rawValue: data) else { return }
    seams.note(.guest, source.name)
    waiting.withLock { $0.append(source) }
  }

  /// Takes what has come since the last time.
  func take() -> [Source] {
    waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
  }
}
