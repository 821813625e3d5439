import DeviceModels
import Hardware
import IOMMU
import Synchronization
import VFIOUser
import VirtualIOMMU

/// A model's reads and writes: through the unit as far as memory is mapped here, by messages to the client
/// beyond.
extension ServedPort {
  /// The most bytes that are moved in one transaction: control waits for transactions to end.
  private static var pieceSize: Int { 1 << 20 }

  func read(
    _ address: IOVA, into buffer: inout MutableSpan<UInt8>, as requester: DMARequester
  ) -> DMAAnswer {
    let answer = load(address, into: &buffer, as: requester)
    return finish(answer, address, buffer.count, isWrite: false, requester)
  }

  func write(_ address: IOVA, _ buffer: Span<UInt8>, as requester: DMARequester) -> DMAAnswer {
    finish(
      store(buffer, at: address, as: requester), address, buffer.count, isWrite: true, requester)
  }

  /// Reads, without counting it.
  private func load(
    _ address: IOVA, into buffer: inout MutableSpan<UInt8>, as requester: DMARequester
  ) -> DMAAnswer {
    let total = buffer.count
    let mode: DMAAccess = requester.isPrivileged ? .privileged : []
    var done = 0
    var cured = -1
    // Asked for before the first request is let through: of a client that comes later, the epoch that
    // it begins lets none through that began before.
    let peer = peer.withLock { $0 }
    repeat {
      let count = min(total - done, Self.pieceSize)
      var part = buffer._mutatingExtracting(done..<done + count)
      let at = IOVA(address.rawValue &+ UInt64(done))
      let moved = withRequests(requester) { $0.read(from: at, into: &part, mode) }
      guard let moved else { return .refused(at: at, isWrite: false, doneBytes: done) }
      done += moved.byteCount
      guard let obstacle = moved.obstacle else { continue }
      let next = IOVA(address.rawValue &+ UInt64(done))
      if case .outside(let place) = obstacle, let peer {
        let step = min(total - done, Int(4096 - place.rawValue & 0xFFF))
        var piece = buffer._mutatingExtracting(done..<done + step)
        if (try? peer.read(place.rawValue, into: &piece, while: { mayRequest(requester) })) != nil {
          done += step
          continue
        }
      }
      if cured != done, isCured(obstacle, next, mode.union(.read), requester) {
        cured = done
        continue
      }
      return answer(obstacle, next, isWrite: false, done)
    } while done < total
    return .done
  }

  /// Writes, without counting it.
  private func store(
    _ buffer: Span<UInt8>, at address: IOVA, as requester: DMARequester
  ) -> DMAAnswer {
    let total = buffer.count
    let mode: DMAAccess = requester.isPrivileged ? .privileged : []
    var done = 0
    var cured = -1
    // Asked for before the first request is let through: of a client that comes later, the epoch that
    // it begins lets none through that began before.
    let peer = peer.withLock { $0 }
    repeat {
      let count = min(total - done, Self.pieceSize)
      let at = IOVA(address.rawValue &+ UInt64(done))
      let moved = withRequests(requester) {
        $0.write(to: at, from: buffer.extracting(done..<done + count), mode)
      }
      guard let moved else { return .refused(at: at, isWrite: true, doneBytes: done) }
      done += moved.byteCount
      guard let obstacle = moved.obstacle else { continue }
      let next = IOVA(address.rawValue &+ UInt64(done))
      if let place = Self.busAddress(obstacle, next), let peer {
        let step = min(total - done, Int(4096 - place & 0xFFF))
        let part = buffer.extracting(done..<done + step)
        if (try? peer.write(place, part, while: { mayRequest(requester) })) != nil {
          done += step
          continue
        }
      }
      if cured != done, isCured(obstacle, next, mode.union(.write), requester) {
        cured = done
        continue
      }
      return answer(obstacle, next, isWrite: true, done)
    } while done < total
    return .done
  }

  func copy(
    _ byteCount: Int, from source: IOVA, to target: IOVA, as requester: DMARequester
  ) -> DMAAnswer {
    let mode: DMAAccess = requester.isPrivileged ? .privileged : []
    var done = 0
    var cured = -1
    // Asked for before the first request is let through: of a client that comes later, the epoch that
    // it begins lets none through that began before.
    let peer = peer.withLock { $0 }
    repeat {
      let count = min(byteCount - done, Self.pieceSize)
      let from = IOVA(source.rawValue &+ UInt64(done))
      let to = IOVA(target.rawValue &+ UInt64(done))
      let moved = withRequests(requester) { $0.copy(count, from: from, to: to, mode) }
      guard let moved else { return refused(from, isWrite: false, done, requester) }
      done += moved.outcome.byteCount
      guard let obstacle = moved.outcome.obstacle else { continue }
      let isWrite = moved.endedAtTarget
      let next = IOVA((isWrite ? target : source).rawValue &+ UInt64(done))
      if Self.busAddress(obstacle, next) != nil, peer != nil {
        // One side is reached by messages: a page of it goes through a buffer.
        let piece = copyPage(byteCount, done, source, target, requester)
        guard case .done(let step) = piece else {
          return piece.answer(after: done)
        }
        done += step
        continue
      }
      let access = mode.union(isWrite ? .write : .read)
      if cured != done, isCured(obstacle, next, access, requester) {
        cured = done
        continue
      }
      return finish(
        answer(obstacle, next, isWrite: isWrite, done), source, byteCount, isWrite: isWrite,
        requester)
    } while done < byteCount
    return finish(.done, source, byteCount, isWrite: false, requester, target: target)
  }

  private enum Piece {
    case done(Int)
    case stopped(DMAAnswer)

    /// The answer for the whole, of which so many bytes were moved before.
    func answer(after done: Int) -> DMAAnswer {
      switch self {
      case .done, .stopped(.done): .done
      case .stopped(.fault(let at, let isWrite, let more)):
        .fault(at: at, isWrite: isWrite, doneBytes: done + (isWrite ? more : 0))
      case .stopped(.refused(let at, let isWrite, let more)):
        .refused(at: at, isWrite: isWrite, doneBytes: done + (isWrite ? more : 0))
      }
    }
  }

  /// Copies up to the next end of a page of either side through a buffer.
  private func copyPage(
    _ byteCount: Int, _ done: Int, _ source: IOVA, _ target: IOVA, _ requester: DMARequester
  ) -> Piece {
    let from = IOVA(source.rawValue &+ UInt64(done))
    let to = IOVA(target.rawValue &+ UInt64(done))
    let left = min(4096 &- (from.rawValue & 0xFFF), 4096 &- (to.rawValue & 0xFFF))
    let count = min(byteCount - done, Int(left))
    var page = InlineArray<4096, UInt8>(repeating: 0)
    var whole = page.mutableSpan
    var bytes = whole._mutatingExtracting(0..<count)
    let wasRead = load(from, into: &bytes, as: requester)
    guard wasRead == .done else { return .stopped(wasRead) }
    let wasWritten = store(bytes.span, at: to, as: requester)
    return wasWritten == .done ? .done(count) : .stopped(wasWritten)
  }

  // MARK: Pieces of DMA

  /// Makes requests, if the function may make any.
  private func withRequests<Result>(
    _ requester: DMARequester, _ body: (inout VTdRequests) -> Result
  ) -> Result? {
    endpoint.withRequests(requester.pasid, reportsFaults: !requester.usesATS) { requests in
      // Inside the transaction, so that a drain waits for whoever was let through.
      guard mayRequest(requester) else { return nil }
      return body(&requests)
    }
  }

  /// Whether the function may make a request that began in its requester's epoch.
  private func mayRequest(_ requester: DMARequester) -> Bool {
    let gate = gate.load(ordering: .sequentiallyConsistent)
    let controls = FunctionControls(rawValue: UInt8(truncatingIfNeeded: gate))
    return gate >> 8 == requester.epoch && controls.contains(.busMaster)
      && (requester.pasid == nil || controls.contains(.pasid))
  }

  /// An address that messages reach: memory without a descriptor, or where interrupts are sent.
  private static func busAddress(_ obstacle: VTdAnswer, _ iova: IOVA) -> UInt64? {
    switch obstacle {
    case .outside(let place): place.rawValue
    case .interrupt: iova.rawValue
    case .refused, .success: nil
    }
  }

  /// Asks the unit for a translation as a device with ATS does, when there was none to use.
  ///
  /// - Returns: Whether there is one now.
  private func isCured(
    _ obstacle: VTdAnswer, _ iova: IOVA, _ access: DMAAccess, _ requester: DMARequester
  ) -> Bool {
    guard requester.usesATS, case .refused = obstacle else { return false }
    let completion = endpoint.translationRequest(iova, access, requester.pasid)
    guard case .success(let found?) = completion else { return false }
    return found.permissions.isSuperset(of: access.intersection([.read, .write]))
  }

  private func answer(
    _ obstacle: VTdAnswer, _ at: IOVA, isWrite: Bool, _ done: Int
  ) -> DMAAnswer {
    // Legacy reasons of tables, and those of page tables in scalable mode, are a page's; what is
    // wrong before no page can cure.
    if case .refused(let reason) = obstacle,
      [4, 5, 6, 7, 12].contains(reason.rawValue) || (0x70...0x9F).contains(reason.rawValue)
    {
      return .fault(at: at, isWrite: isWrite, doneBytes: done)
    }
    return .refused(at: at, isWrite: isWrite, doneBytes: done)
  }

  private func refused(
    _ at: IOVA, isWrite: Bool, _ done: Int, _ requester: DMARequester
  ) -> DMAAnswer {
    finish(
      .refused(at: at, isWrite: isWrite, doneBytes: done), at, 0, isWrite: isWrite, requester)
  }

  /// Counts, and tells whoever wants to know.
  private func finish(
    _ answer: DMAAnswer, _ address: IOVA, _ byteCount: Int, isWrite: Bool,
    _ requester: DMARequester, target: IOVA? = nil
  ) -> DMAAnswer {
    switch answer {
    case .done:
      counts.add(1, to: isWrite ? .writes : .reads)
      counts.add(UInt64(byteCount), to: isWrite ? .writtenBytes : .readBytes)
      guard target != nil else { break }
      counts.add(1, to: .writes)
      counts.add(UInt64(byteCount), to: .writtenBytes)
    case .fault, .refused: counts.add(1, to: .faults)
    }
    guard trace.wantsAccesses || answer != .done else { return answer }
    note(answer, address, byteCount, isWrite, requester)
    if let target { note(answer, target, byteCount, true, requester) }
    return answer
  }

  private func note(
    _ answer: DMAAnswer, _ address: IOVA, _ byteCount: Int, _ isWrite: Bool,
    _ requester: DMARequester
  ) {
    let fault: String? =
      switch answer {
      case .done: nil
      case .fault(let at, _, _): "no page that allows it at \(at.rawValue.hex)"
      case .refused(let at, _, _):
        "no way to memory" + (requester.pasid == nil ? "" : " for this PASID")
          + " at \(at.rawValue.hex)"
      }
    let event = ServeEvent.dma(
      pasid: requester.pasid?.rawValue, address: address.rawValue, byteCount: byteCount,
      isWrite: isWrite, fault: fault)
    if fault != nil { counts.keep(event) }
    trace.note(event, of: name)
  }
}
