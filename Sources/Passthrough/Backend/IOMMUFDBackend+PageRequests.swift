import Hardware
import IOMMUClient
import Synchronization
public import VirtualIOMMU

/// Page requests: from the kernel's queue to the guest, and the guest's answers back.
extension IOMMUFDBackend {
  /// Sends page requests of the guest's first stages to a queue, or stops doing so.
  ///
  /// Only tables that name a queue take page requests, and a table names it when it is made. So all
  /// nested tables in use are made anew and put in the place of the old ones. Requests that wait are
  /// answered by the kernel.
  ///
  /// - Parameter isOn: Whether the guest turned page requests on.
  /// - Throws: When the host refuses; everything is then as before.
  public func setPageRequests(_ isOn: Bool) throws(BackendRefusal) {
    try state.withLock { (state) throws(BackendRefusal) in
      guard (state.queue != nil) != isOn else { return }
      guard let hold = state.hold else {
        throw BackendRefusal("\(name): the device was unrealised")
      }
      let before = state.queue
      do throws(IOMMUError) {
        state.queue = isOn ? KeptQueue(try FaultQueue(in: hold.device.device.context)) : nil
        try remakeTables(hold, &state)
      } catch {
        state.queue = before
        throw Self.refusal(
          "\(name): page requests stay \(isOn ? "off" : "on")", error)
      }
      state.waiting.removeAll()
    }
  }

  /// Puts new tables of the same first stages in the place of all nested ones.
  private func remakeTables(_ hold: Hold, _ state: inout State) throws(IOMMUError) {
    var made: [GuestFirstStage: KeptTable] = [:]
    for stage in state.tables.keys { made[stage] = try makeTable(stage, hold, state.queue) }
    var done: [PASID?] = []
    do throws(IOMMUError) {
      for (pasid, inPlace) in state.inPlace {
        guard case .firstStage(let stage) = inPlace.translation, let new = made[stage] else {
          continue
        }
        try Self.attach(hold.device, pasid, to: new, replacing: true)
        done.append(pasid)
      }
    } catch {
      for pasid in done {
        guard let old = state.inPlace[pasid], case .firstStage(let stage) = old.translation,
          let new = made[stage]
        else { continue }
        let problem = Self.insist { () throws(IOMMUError) in
          try Self.attach(hold.device, pasid, to: old.table, replacing: true)
        }
        guard let problem else { continue }
        // It stays on the new table, which leads to the same: invalidations have to go there.
        state.inPlace[pasid] = InPlace(translation: old.translation, table: new)
        state.note(Self.refusal("\(subject(pasid)): page requests stay as they are", problem))
      }
      throw error
    }
    for pasid in done {
      guard let old = state.inPlace[pasid], case .firstStage(let stage) = old.translation,
        let new = made[stage]
      else { continue }
      state.inPlace[pasid] = InPlace(translation: old.translation, table: new)
    }
    for (stage, table) in made { state.tables[stage]?.table = table }
  }

  /// The descriptor of the queue, for waiting on it; `nil` while page requests are off.
  ///
  /// It changes when the guest turns page requests off and on again.
  public var pageRequestDescriptor: Int32? {
    state.withLock { $0.queue?.queue.descriptor }
  }

  /// Takes the page requests that wait; never waits itself.
  ///
  /// - Returns: The requests in their order, each group ending in one that asks for the answer; an
  ///   empty array when there are none.
  /// - Throws: When the queue cannot be read.
  public func takePageRequests() throws(BackendRefusal) -> [GuestPageRequest] {
    try state.withLock { (state) throws(BackendRefusal) in
      guard let queue = state.queue else { return [] }
      do throws(IOMMUError) {
        var result: [GuestPageRequest] = []
        var refused: [(UInt32, PageResponse)] = []
        for group in try queue.queue.readGroups() {
          // Indexes have 9 bits on the wire.
          let index = UInt16(truncatingIfNeeded: group.groupIndex & 0x1FF)
          let key = WaitingGroups.Key(pasid: group.pasid, group: index)
          // A device must not name two groups alike; the kernel waits for an answer to both.
          if let other = state.waiting.cookie(of: key), other != group.cookie {
            refused.append((other, .invalid))
          }
          guard state.waiting.insert(key, cookie: group.cookie) else {
            refused.append((group.cookie, .invalid))
            continue
          }
          let last = group.requests.count - 1
          for (number, request) in group.requests.enumerated() {
            result.append(
              GuestPageRequest(
                pasid: group.pasid, address: request.address, access: request.access,
                group: index, isLast: number == last))
          }
        }
        // One whose table has just gone is answered already, and the others are the guest's.
        for answer in refused { _ = try? queue.queue.respond([answer]) }
        return result
      } catch {
        throw Self.refusal("\(name): page requests could not be read", error)
      }
    }
  }

  /// Passes the guest's answer to a group of page requests on.
  ///
  /// The kernel knows two answers: a failure, which a device's driver would take for the end of all
  /// page requests, is told as pages that cannot be had.
  ///
  /// - Parameter response: The answer; one that nobody waits for is dropped.
  public func respond(_ response: PageGroupResponse) {
    state.withLock { state in
      let key = WaitingGroups.Key(pasid: response.pasid, group: response.group)
      guard let cookie = state.waiting.take(key), let queue = state.queue else { return }
      let code: PageResponse = response.code == .success ? .success : .invalid
      // A group whose table has just gone is answered already.
      _ = try? queue.queue.respond([(cookie, code)])
    }
  }

  /// How many groups the guest has been told of and has not answered.
  public var waitingGroupCount: Int { state.withLock { $0.waiting.count } }
}
