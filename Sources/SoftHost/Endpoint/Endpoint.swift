public import Hardware
public import IOMMU
import Synchronization

/// Where a device's requests enter the host: it makes DMA as its RID, with a PASID or without.
///
/// What the host attached is found here, so a request takes only this endpoint's lock, and requests
/// of different devices do not slow each other down. Control takes the same lock to change what is
/// attached; a request that began before is over when the change is made.
public final class Endpoint: Sendable {
  /// Who makes the requests.
  public let requester: RequesterID
  /// The unit that translates them.
  public let unit: TranslationUnit
  /// The device's number in its host.
  public let deviceIndex: Int

  /// What a RID or PASID is attached to.
  struct Binding: Sendable {
    let table: TranslationTable
    let tag: UInt32
    /// The table's number in its context.
    let tableID: UInt32
    var uses: Int
  }

  struct State: Sendable {
    var rid: Binding?
    /// Tables that PASIDs are attached to, each once.
    var bindings: [Binding?] = []
    /// Where in ``bindings`` a table is.
    var places: [UInt32: UInt32] = [:]
    var freePlaces: [UInt32] = []
    /// The place that was used last.
    var lastPlace: UInt32?
    var pasids = PASIDMap<UInt32>()
    var isBusMaster = true
    var isResetting = false
    var responses: [EndpointPageResponse] = []
    /// Whether PASID 0 is another name of the RID: Linux makes RID_PASID 0 for VT-d.
    let ridIsPASIDZero: Bool
    /// The last attachment that a PASID was looked up for.
    var lastPASID: PASID?
    var last: TranslationContext?
  }

  let state: Mutex<State>
  /// Tells the host what a request met; set once by the host.
  let reporter: Mutex<(@Sendable (Endpoint, PASID?, TranslationFault, DMAAccess) -> Void)?>

  init(
    requester: RequesterID, unit: TranslationUnit, deviceIndex: Int, ridIsPASIDZero: Bool = false
  ) {
    state = Mutex(State(ridIsPASIDZero: ridIsPASIDZero))
    self.requester = requester
    self.unit = unit
    self.deviceIndex = deviceIndex
    reporter = Mutex(nil)
  }

  /// How many PASIDs are attached.
  public var attachedPASIDCount: Int { state.withLock { $0.pasids.count } }
}

// MARK: Control

extension Endpoint {
  /// Attaches the RID (0) or a PASID to a table.
  func attach(_ pasid: UInt32, _ table: TranslationTable, tag: UInt32, _ tableID: UInt32) {
    state.withLock { state in
      state.last = nil
      guard pasid != 0 else {
        state.rid = Binding(table: table, tag: tag, tableID: tableID, uses: 1)
        return
      }
      if let old = state.pasids[pasid] { state.release(old) }
      _ = state.pasids.updateValue(state.place(table, tag, tableID), for: pasid)
    }
  }

  /// Detaches the RID (0) or a PASID.
  func detach(_ pasid: UInt32) {
    state.withLock { state in
      state.last = nil
      guard pasid != 0 else {
        state.rid = nil
        return
      }
      guard let place = state.pasids.removeValue(for: pasid) else { return }
      state.release(place)
    }
  }

  /// Whether the function may make requests at all (Command register, Bus Master Enable).
  func setBusMaster(_ isOn: Bool) { state.withLock { $0.isBusMaster = isOn } }

  /// Holds requests back during a reset, and lets them go on after.
  func setResetting(_ isOn: Bool) { state.withLock { $0.isResetting = isOn } }
}

extension Endpoint.State {
  /// Where a table is, with one more use.
  mutating func place(_ table: TranslationTable, _ tag: UInt32, _ tableID: UInt32) -> UInt32 {
    if let place = lastPlace, bindings[Int(place)]?.tableID == tableID {
      bindings[Int(place)]?.uses += 1
      return place
    }
    if let place = places[tableID] {
      bindings[Int(place)]?.uses += 1
      lastPlace = place
      return place
    }
    let binding = Endpoint.Binding(table: table, tag: tag, tableID: tableID, uses: 1)
    if let place = freePlaces.popLast() {
      bindings[Int(place)] = binding
      places[tableID] = place
      return place
    }
    bindings.append(binding)
    let place = UInt32(bindings.count - 1)
    places[tableID] = place
    return place
  }

  /// One use of a table less.
  mutating func release(_ place: UInt32) {
    guard let binding = bindings[Int(place)] else { return }
    if binding.uses > 1 {
      bindings[Int(place)]?.uses -= 1
    } else {
      bindings[Int(place)] = nil
      places[binding.tableID] = nil
      freePlaces.append(place)
    }
  }

  /// What translates requests with a PASID, or without; `nil` when nothing is attached.
  mutating func context(_ pasid: PASID?, stream: Int) -> TranslationContext? {
    // PASID 0 is not the same as none.
    if pasid == lastPASID, let last { return last }
    let binding: Endpoint.Binding?
    if let pasid, let place = pasids[pasid.rawValue] {
      binding = bindings[Int(place)]
    } else if pasid == nil || pasid?.rawValue == 0 && ridIsPASIDZero {
      binding = rid
    } else if let rid, case .smmuStream = rid.table {
      // The guest's table holds its own PASIDs (SMMUv3's context descriptors).
      binding = rid
    } else {
      binding = nil
    }
    guard let binding else { return nil }
    let made = TranslationContext(
      binding.table, tag: binding.tag, pasid: pasid, stream: UInt32(stream))
    lastPASID = pasid
    last = made
    return made
  }
}
