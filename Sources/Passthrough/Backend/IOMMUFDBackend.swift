public import HostABI
public import Hardware
import IOMMUClient
import Synchronization
public import VirtualIOMMU

/// Carries out a guest's wishes for one device with iommufd.
///
/// Each first stage of the guest becomes one nested page table, which the RID and all PASIDs with
/// that first stage share, and which goes with the last of them. What the guest passes through goes
/// to the nesting parent. A new table is attached in the place of the old one, by one request of
/// the kernel, so that there is no moment with neither, and the old one is let go of afterwards.
///
/// It is made for a device when that is realised, and does nothing any more once the device is
/// unrealised. Calls may come from several threads; changes of one device take turns.
public final class IOMMUFDBackend: DeviceBackend {
  /// What the RID or a PASID goes through.
  struct InPlace: Sendable {
    let translation: GuestTranslation
    let table: KeptTable
  }

  /// What a realised device has of the host.
  struct Hold: Sendable {
    let device: KeptDevice
    /// The table that everything stands on: the nesting parent, or the host's own.
    let parent: KeptTable
    let space: DeviceSpace
  }

  struct State: Sendable {
    /// What the device has of the host; nothing once it is unrealised.
    var hold: Hold?
    /// What is in place, by PASID; `nil` for the RID.
    var inPlace: [PASID?: InPlace] = [:]
    /// Nested tables by their first stage, each with how many go through it.
    var tables: [GuestFirstStage: (table: KeptTable, users: Int)] = [:]
    /// The queue that new tables name, while page requests are on.
    var queue: KeptQueue?
    var waiting = WaitingGroups()
    /// What could not be undone, for an operator.
    private(set) var problems: [BackendRefusal] = []

    /// The most problems that are kept: a guest can ask for the same again and again.
    static let problemLimit = 64

    /// Keeps a problem for the operator; the latest in the place of the one before when there are many.
    mutating func note(_ problem: BackendRefusal) {
      if problems.count == Self.problemLimit { problems.removeLast() }
      problems.append(problem)
    }
  }

  /// What the operator calls the device.
  public let name: String
  /// What the host's unit can do, when guests' first stages can be nested.
  let support: FirstStageSupport?
  let state: Mutex<State>

  /// Takes charge of a device whose RID is attached to a table.
  init(
    _ name: String, _ device: KeptDevice, attachedTo parent: KeptTable, in space: DeviceSpace,
    support: FirstStageSupport?
  ) {
    self.name = name
    self.support = support
    state = Mutex(
      State(
        hold: Hold(device: device, parent: parent, space: space),
        inPlace: [nil: InPlace(translation: .passThrough, table: parent)]))
  }
}

// MARK: What is in place

extension IOMMUFDBackend {
  /// What the RID (`nil`) or a PASID goes through; `nil` when its DMA is blocked.
  public func translation(of pasid: PASID?) -> GuestTranslation? {
    state.withLock { $0.inPlace[pasid]?.translation }
  }

  /// The PASIDs that have a translation, ascending.
  public var attachedPASIDs: [PASID] {
    state.withLock { $0.inPlace.keys.compactMap(\.self).sorted() }
  }

  /// How many PASIDs have a translation, and the lowest of them, ascending.
  ///
  /// Looks at each once: cheaper than ``attachedPASIDs`` where there may be a million.
  ///
  /// - Parameter limit: How many are named.
  /// - Returns: The count of all, and at most `limit` of them.
  public func attachedPASIDs(first limit: Int) -> (count: Int, first: [PASID]) {
    state.withLock { state in
      var count = 0
      var first: [PASID] = []
      for case let pasid? in state.inPlace.keys {
        count += 1
        if first.count >= limit {
          guard let last = first.last, pasid < last else { continue }
          first.removeLast()
        }
        first.insert(pasid, at: first.firstIndex { $0 > pasid } ?? first.count)
      }
      return (count, first)
    }
  }

  /// How many nested tables there are: one for each first stage in use.
  public var nestedTableCount: Int { state.withLock { $0.tables.count } }

  /// How the table was allocated that everything stands on; empty once the device is unrealised.
  public var parentOptions: HWPTFlags {
    state.withLock { $0.hold?.parent.table.options ?? [] }
  }

  /// What the host could not be made to do although nothing could be told to the guest, such as a
  /// detach that failed twice: the first ones and the last; an empty array in all ordinary lives.
  public var problems: [BackendRefusal] { state.withLock { $0.problems } }

  /// A refusal in the host's words.
  static func refusal(_ what: String, _ error: IOMMUError) -> BackendRefusal {
    BackendRefusal("\(what): \(error)", errno: error.errno?.rawValue)
  }

  /// Who is meant, in words.
  func subject(_ pasid: PASID?) -> String {
    pasid.map { "\(name), PASID \($0.rawValue)" } ?? "\(name), requests without a PASID"
  }
}
