import DeviceModels
import Hardware
import Synchronization

/// A host that has memory and nothing else: one space a PASID, with pages that may be missing.
final class MemoryPort: DevicePort {
  struct Page: Hashable {
    var pasid: UInt32?
    var number: UInt64
  }

  struct State {
    var epoch: UInt64 = 1
    var pages: [Page: [UInt8]] = [:]
    var readOnly: Set<Page> = []
    var vectors: [Int] = []
    var requests: [PageRequest] = []
    var wakes = 0
    var takesPageRequests = true
    /// How many bytes were moved by copies.
    var copied = 0
  }

  let state = Mutex(State())

  var epoch: UInt64 { state.withLock { $0.epoch } }

  func wake() { state.withLock { $0.wakes += 1 } }

  func interrupt(_ vector: Int) { state.withLock { $0.vectors.append(vector) } }

  func request(_ request: PageRequest) -> Bool {
    state.withLock { state in
      guard state.takesPageRequests else { return false }
      state.requests.append(request)
      return true
    }
  }

  func read(
    _ address: IOVA, into buffer: inout MutableSpan<UInt8>, as requester: DMARequester
  ) -> DMAAnswer {
    let count = buffer.count
    var bytes: [UInt8] = []
    let answer = state.withLock { $0.read(address, count, requester, &bytes) }
    for (index, byte) in bytes.enumerated() { buffer[index] = byte }
    return answer
  }

  func write(_ address: IOVA, _ buffer: Span<UInt8>, as requester: DMARequester) -> DMAAnswer {
    var bytes: [UInt8] = []
    for index in 0..<buffer.count { bytes.append(buffer[index]) }
    let all = bytes
    return state.withLock { $0.write(address, all, requester) }
  }

  func copy(
    _ byteCount: Int, from source: IOVA, to target: IOVA, as requester: DMARequester
  ) -> DMAAnswer {
    state.withLock { state in
      var done = 0
      while done < byteCount {
        let from = IOVA(source.rawValue &+ UInt64(done))
        let to = IOVA(target.rawValue &+ UInt64(done))
        let left = 4096 - max(from.rawValue & 0xFFF, to.rawValue & 0xFFF)
        let count = min(byteCount - done, Int(left))
        var bytes: [UInt8] = []
        for answer in [
          state.read(from, count, requester, &bytes), state.write(to, bytes, requester),
        ] {
          switch answer {
          case .done: continue
          case .fault(let at, let isWrite, _):
            return .fault(at: at, isWrite: isWrite, doneBytes: done)
          case .refused(let at, let isWrite, _):
            return .refused(at: at, isWrite: isWrite, doneBytes: done)
          }
        }
        done += count
        state.copied += count
      }
      return .done
    }
  }

  // MARK: What tests do

  /// Makes pages of a space be there, as zeros.
  func map(_ address: UInt64, pages: Int = 1, pasid: UInt32? = nil) {
    state.withLock { state in
      for page in 0..<UInt64(pages) {
        state.pages[Page(pasid: pasid, number: address >> 12 &+ page)] = Array(
          repeating: 0, count: 4096)
      }
    }
  }

  /// Stores bytes in pages that are there.
  func put(_ bytes: [UInt8], at address: UInt64, pasid: UInt32? = nil) {
    state.withLock { state in
      for (index, byte) in bytes.enumerated() {
        let at = address &+ UInt64(index)
        state.pages[Page(pasid: pasid, number: at >> 12)]?[Int(at & 0xFFF)] = byte
      }
    }
  }

  /// Loads bytes of pages that are there.
  func get(_ address: UInt64, _ count: Int, pasid: UInt32? = nil) -> [UInt8] {
    state.withLock { state in
      (0..<count).map { index in
        let at = address &+ UInt64(index)
        return state.pages[Page(pasid: pasid, number: at >> 12)]?[Int(at & 0xFFF)] ?? 0xEE
      }
    }
  }

  func word(_ address: UInt64, pasid: UInt32? = nil) -> UInt64 {
    get(address, 8, pasid: pasid).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  func update(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
  /// How many bytes copies moved.
  var copied: Int { state.withLock { $0.copied } }
  var vectors: [Int] { state.withLock { $0.vectors } }
  var requests: [PageRequest] { state.withLock { $0.requests } }
}

extension MemoryPort.State {
  mutating func read(
    _ address: IOVA, _ count: Int, _ requester: DMARequester, _ bytes: inout [UInt8]
  ) -> DMAAnswer {
    guard requester.epoch == epoch else {
      return .refused(at: address, isWrite: false, doneBytes: 0)
    }
    for index in 0..<count {
      let at = address.rawValue &+ UInt64(index)
      let page = MemoryPort.Page(pasid: requester.pasid?.rawValue, number: at >> 12)
      guard let memory = pages[page] else {
        return .fault(at: IOVA(at), isWrite: false, doneBytes: index)
      }
      bytes.append(memory[Int(at & 0xFFF)])
    }
    return .done
  }

  mutating func write(
    _ address: IOVA, _ bytes: [UInt8], _ requester: DMARequester
  ) -> DMAAnswer {
    guard requester.epoch == epoch else {
      return .refused(at: address, isWrite: true, doneBytes: 0)
    }
    for (index, byte) in bytes.enumerated() {
      let at = address.rawValue &+ UInt64(index)
      let page = MemoryPort.Page(pasid: requester.pasid?.rawValue, number: at >> 12)
      guard pages[page] != nil, !readOnly.contains(page) else {
        return .fault(at: IOVA(at), isWrite: true, doneBytes: index)
      }
      pages[page]?[Int(at & 0xFFF)] = byte
    }
    return .done
  }
}
