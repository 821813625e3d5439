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
    /// The table's object, which lives while anything is attached to it.
    let object: ObjectIdentifier

    init(_ object: PageTableObject) {
      table = object.translationTable
      tag = object.tag
      self.object = ObjectIdentifier(object)
    }
  }

  struct State: Sendable {
    var rid: Binding?
    /// Tables that PASIDs are attached to, each once.
    var bindings: [Binding?] = []
    /// How many PASIDs are attached to each of those.
    var uses: [Int] = []
    /// Where in ``bindings`` a table is.
    var places: [ObjectIdentifier: UInt32] = [:]
    var freePlaces: [UInt32] = []
    /// The table that was attached last, and its place.
    var lastTable: (object: ObjectIdentifier, place: UInt32)?
    var pasids = PASIDMap<UInt32>()
    var isBusMaster = true
    var isResetting = false
    var responses: [EndpointPageResponse] = []
    /// Who takes responses as they come; without, they wait in ``responses``.
    var responseHandler: (@Sendable (EndpointPageResponse) -> Void)?
    /// Requests that name another one are blocked.
    var epoch: UInt64 = 0
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
  func attach(_ pasid: UInt32, _ table: PageTableObject) {
    let object = ObjectIdentifier(table)
    let isKnown = pasid != 0 && state.withLock { $0.attachAgain(pasid, object) }
    if isKnown { return }
    let binding = Binding(table)
    state.withLock { state in
      state.last = nil
      if pasid == 0 { state.rid = binding } else { state.attach(pasid, state.place(binding)) }
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
  /// Attaches a PASID to the table that was attached last, if it is that one.
  mutating func attachAgain(_ pasid: UInt32, _ object: ObjectIdentifier) -> Bool {
    guard let lastTable, lastTable.object == object else { return false }
    last = nil
    attach(pasid, lastTable.place)
    return true
  }

  /// Attaches a PASID to the table at a place.
  mutating func attach(_ pasid: UInt32, _ place: UInt32) {
    uses[Int(place)] += 1
    if let old = pasids.updateValue(place, for: pasid) { release(old) }
  }

  /// Where a table is, from now on as the last one.
  mutating func place(_ binding: Endpoint.Binding) -> UInt32 {
    let place: UInt32
    if let known = places[binding.object] {
      place = known
    } else if let free = freePlaces.popLast() {
      bindings[Int(free)] = binding
      place = free
    } else {
      bindings.append(binding)
      uses.append(0)
      place = UInt32(bindings.count - 1)
    }
    places[binding.object] = place
    lastTable = (binding.object, place)
    return place
  }

  /// One use of a table less; the last one takes the table from its place.
  mutating func release(_ place: UInt32) {
    uses[Int(place)] -= 1
    guard uses[Int(place)] == 0, let binding = bindings[Int(place)].take() else { return }
    places[binding.object] = nil
    freePlaces.append(place)
    if lastTable?.place == place { lastTable = nil }
  }

  /// What translates requests with a PASID, or without; `nil` when nothing is attached.
  mutating func context(_ pasid: PASID?, stream: Int) -> TranslationContext? {
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
