public import Hardware
import HostABI
import IOMMUClient
import Synchronization
public import VirtualIOMMU

/// Putting translations in place and taking them away.
extension IOMMUFDBackend {
  /// Puts a translation in place of what the RID or a PASID has now.
  ///
  /// What Linux would refuse late is refused before anything is touched. One request of the kernel
  /// changes the table; a nested one is made first, unless something of this device goes through the
  /// same first stage already.
  ///
  /// - Parameters:
  ///   - translation: What the guest wants.
  ///   - pasid: The PASID; `nil` for the RID.
  /// - Throws: When it cannot be had; what was in place stays, and the reason says so.
  /// - Complexity: Two requests of the kernel for a new first stage, one for a known one.
  public func setTranslation(
    _ translation: GuestTranslation, for pasid: PASID?
  ) throws(BackendRefusal) {
    try state.withLock { (state) throws(BackendRefusal) in
      let old = state.inPlace[pasid]
      guard old?.translation != translation else { return }
      guard let hold = state.hold else { throw gone(pasid) }
      try check(translation, pasid, hold.parent.table.options, had: old)
      do throws(IOMMUError) {
        let table = try self.table(for: translation, hold, &state)
        do throws(IOMMUError) {
          try Self.attach(hold.device, pasid, to: table, replacing: old != nil)
        } catch {
          release(translation, &state)
          throw error
        }
        state.inPlace[pasid] = InPlace(translation: translation, table: table)
      } catch {
        throw Self.refusal(
          "\(subject(pasid)): \(translation.words) was not put in place\(kept(old))", error)
      }
      // The kernel has answered for what the old table had waiting.
      state.waiting.dropAll(of: pasid)
      if let old { release(old.translation, &state) }
    }
  }

  /// Takes the translation of a PASID away, or stops the RID's DMA; none is no error.
  ///
  /// - Parameter pasid: The PASID; `nil` for the RID.
  public func removeTranslation(of pasid: PASID?) {
    state.withLock { state in
      guard let old = state.inPlace[pasid], let hold = state.hold else { return }
      let problem = Self.insist { () throws(IOMMUError) in try Self.detach(hold.device, pasid) }
      if let problem {
        // It is still attached, so it is still ours to take away.
        state.note(
          Self.refusal("\(subject(pasid)): \(old.translation.words) could not be removed", problem))
        return
      }
      state.inPlace[pasid] = nil
      state.waiting.dropAll(of: pasid)
      release(old.translation, &state)
    }
  }

  /// Judges a wish without touching anything.
  private func check(
    _ translation: GuestTranslation, _ pasid: PASID?, _ options: HWPTFlags, had old: InPlace?
  ) throws(BackendRefusal) {
    if let pasid {
      guard pasid.rawValue != 0 else {
        throw BackendRefusal(
          "\(name): PASID 0 stands for requests without a PASID: attach those instead")
      }
      guard options.contains(.pasid) else {
        throw BackendRefusal(
          "\(subject(pasid)): the device was realised without PASIDs, so none can be attached"
            + kept(old))
      }
    }
    guard case .firstStage(let stage) = translation else { return }
    guard options.contains(.nestParent), let support else {
      throw BackendRefusal(
        "\(subject(pasid)): \(translation.words) was not put in place\(kept(old)): the device was "
          + "realised without a nesting parent, which a guest's first stage stands on")
    }
    if let reason = support.refusal(of: stage) {
      throw BackendRefusal(
        "\(subject(pasid)): \(translation.words) was not put in place\(kept(old)): \(reason)")
    }
  }

  private func gone(_ pasid: PASID?) -> BackendRefusal {
    BackendRefusal("\(subject(pasid)): the device was unrealised")
  }

  private func kept(_ old: InPlace?) -> String {
    old.map { ", \($0.translation.words) stays" } ?? ""
  }
}

// MARK: Tables

extension IOMMUFDBackend {
  /// The table of a translation with one more user; a nested one is made if need be.
  func table(
    for translation: GuestTranslation, _ hold: Hold, _ state: inout State
  ) throws(IOMMUError) -> KeptTable {
    guard case .firstStage(let stage) = translation else { return hold.parent }
    if let known = state.tables[stage] {
      state.tables[stage]?.users += 1
      return known.table
    }
    let made = try makeTable(stage, hold, state.queue)
    state.tables[stage] = (made, 1)
    return made
  }

  /// Makes a nested table; one for a device with PASIDs may be attached beside and to PASIDs.
  func makeTable(
    _ stage: GuestFirstStage, _ hold: Hold, _ queue: KeptQueue?
  ) throws(IOMMUError) -> KeptTable {
    let options = hold.parent.table.options.intersection(.pasid)
    if let queue {
      return KeptTable(
        try hold.parent.table.makeNestedTable(
          for: hold.device.device, GuestStage1(stage), options: options, faults: queue.queue))
    }
    return KeptTable(
      try hold.parent.table.makeNestedTable(
        for: hold.device.device, GuestStage1(stage), options: options))
  }

  /// One user of a translation's table less; the table goes with the last.
  func release(_ translation: GuestTranslation, _ state: inout State) {
    guard case .firstStage(let stage) = translation, let known = state.tables[stage] else { return }
    if known.users > 1 {
      state.tables[stage]?.users -= 1
    } else {
      state.tables[stage] = nil
    }
  }

  /// Attaches a table, or puts it in another's place by the same request of the kernel.
  static func attach(
    _ device: KeptDevice, _ pasid: PASID?, to table: KeptTable, replacing: Bool
  ) throws(IOMMUError) {
    switch (pasid, replacing) {
    case (let pasid?, true): try device.device.replace(pasid, with: table.table)
    case (let pasid?, false): try device.device.attach(pasid, to: table.table)
    case (nil, true): try device.device.replace(with: table.table)
    case (nil, false): try device.device.attach(to: table.table)
    }
  }

  /// Detaches what the RID or a PASID has.
  static func detach(_ device: KeptDevice, _ pasid: PASID?) throws(IOMMUError) {
    if let pasid { try device.device.detach(pasid) } else { try device.device.detach() }
  }

  /// Does something that Linux refuses only while somebody else is in the way for a moment.
  ///
  /// - Returns: Why it did not work the second time either.
  @discardableResult
  static func insist(_ body: () throws(IOMMUError) -> Void) -> IOMMUError? {
    var problem: IOMMUError?
    for _ in 0..<2 {
      do throws(IOMMUError) {
        try body()
        return nil
      } catch {
        problem = error
      }
    }
    return problem
  }
}

extension GuestTranslation {
  /// The translation in words.
  var words: String {
    switch self {
    case .passThrough: "passing through"
    case .firstStage(let stage): "the first stage at \(stage.root.rawValue.hex)"
    }
  }
}
