import DeviceModels
import Hardware
import Synchronization

/// What an accelerator reaches: 64 KiB of memory from address 0 on, of which one page is missing
/// until it is asked for, and nothing for PASIDs of 16 and above.
final class AcceleratorMemory: DevicePort {
  static let size = 1 << 16
  /// The page that is missing at first.
  static let missing = 0x5000..<0x6000

  private struct State: Sendable {
    var epoch: UInt64 = 0
    var bytes = [UInt8](repeating: 0, count: AcceleratorMemory.size)
    var isWhole = false
    var requests: [PageRequest] = []
    var vectors = 0
  }

  private let state = Mutex(State())

  var epoch: UInt64 { state.withLock { $0.epoch } }

  func advanceEpoch() { state.withLock { $0.epoch += 1 } }

  func put(_ new: [UInt8], at offset: Int) {
    state.withLock { state in
      for (index, byte) in new.enumerated() where offset + index < Self.size {
        state.bytes[offset + index] = byte
      }
    }
  }

  /// Brings the missing page, or takes it away.
  func setWhole(_ isWhole: Bool) { state.withLock { $0.isWhole = isWhole } }

  func takeRequests() -> [PageRequest] {
    state.withLock { state in
      defer { state.requests = [] }
      return state.requests
    }
  }

  func wake() {}

  func interrupt(_ vector: Int) {
    require((0..<9).contains(vector), "an interrupt of a vector that the device does not have")
    state.withLock { $0.vectors += 1 }
  }

  func request(_ request: PageRequest) -> Bool {
    require(request.group < 512, "a group that no page request can have")
    require(request.address.rawValue & 0xFFF == 0, "a page request within a page")
    state.withLock { $0.requests.append(request) }
    return true
  }

  func read(
    _ address: IOVA, into buffer: inout MutableSpan<UInt8>, as requester: DMARequester
  ) -> DMAAnswer {
    let count = buffer.count
    var bytes: [UInt8] = []
    let answer = state.withLock { state in
      let answer = Self.reach(state, address, count, requester, isWrite: false)
      let moved = Self.moved(answer, count)
      if moved > 0 {
        bytes = Array(state.bytes[Int(address.rawValue)..<Int(address.rawValue) + moved])
      }
      return answer
    }
    for (index, byte) in bytes.enumerated() { buffer[index] = byte }
    return answer
  }

  func write(_ address: IOVA, _ buffer: Span<UInt8>, as requester: DMARequester) -> DMAAnswer {
    var bytes: [UInt8] = []
    for index in 0..<buffer.count { bytes.append(buffer[index]) }
    let new = bytes
    return state.withLock { state in
      let answer = Self.reach(state, address, new.count, requester, isWrite: true)
      for index in 0..<Self.moved(answer, new.count) {
        state.bytes[Int(address.rawValue) + index] = new[index]
      }
      return answer
    }
  }

  func copy(
    _ byteCount: Int, from source: IOVA, to target: IOVA, as requester: DMARequester
  ) -> DMAAnswer {
    require((0...1 << 20).contains(byteCount), "a copy of more than a piece")
    var done = 0
    while done < byteCount {
      let from = IOVA(source.rawValue &+ UInt64(done))
      let to = IOVA(target.rawValue &+ UInt64(done))
      let count = min(byteCount - done, 64)
      var bytes = [UInt8](repeating: 0, count: count)
      var span = bytes.mutableSpan
      let input = read(from, into: &span, as: requester)
      let some = Self.moved(input, count)
      let output = write(to, bytes.span.extracting(0..<some), as: requester)
      done += min(some, Self.moved(output, some))
      if output != .done { return Self.placed(output, done) }
      if input != .done { return Self.placed(input, done) }
    }
    return .done
  }

  private static func placed(_ answer: DMAAnswer, _ done: Int) -> DMAAnswer {
    switch answer {
    case .done: .done
    case .fault(let at, let isWrite, _): .fault(at: at, isWrite: isWrite, doneBytes: done)
    case .refused(let at, let isWrite, _): .refused(at: at, isWrite: isWrite, doneBytes: done)
    }
  }

  private static func moved(_ answer: DMAAnswer, _ count: Int) -> Int {
    switch answer {
    case .done: count
    case .fault(_, _, let done), .refused(_, _, let done): done
    }
  }

  private static func reach(
    _ state: State, _ address: IOVA, _ count: Int, _ requester: DMARequester, isWrite: Bool
  ) -> DMAAnswer {
    guard requester.epoch == state.epoch, requester.pasid.map({ $0.rawValue < 16 }) ?? true else {
      return .refused(at: address, isWrite: isWrite, doneBytes: 0)
    }
    let start = address.rawValue
    var end = UInt64(size)
    if !state.isWhole, start < UInt64(missing.upperBound) {
      end = start < UInt64(missing.lowerBound) ? UInt64(missing.lowerBound) : start
    }
    guard start < end else { return .fault(at: address, isWrite: isWrite, doneBytes: 0) }
    let room = Int(end - start)
    return count <= room
      ? .done
      : .fault(at: IOVA(end), isWrite: isWrite, doneBytes: room)
  }
}
