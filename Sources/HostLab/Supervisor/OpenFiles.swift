import HostABI
import HostSystem
import SoftHost
import Synchronization

/// The real files behind the host's open files: what programs hold descriptors of.
///
/// A context, a device or a group is a sealed file in memory, so that what a program may map of it
/// its own kernel maps; a queue is the end of a pipe that is read, so that its own kernel polls it. Both
/// tell when the last descriptor, and the last mapping, is gone.
final class OpenFiles: Sendable {
  /// The real file of one of the host's.
  final class RealFile: MappableFile {
    let number: Int
    let role: FileRole
    let identity: FileIdentity
    /// The file in memory, or our end of a queue.
    let descriptor: Int32
    let isQueue: Bool
    private let programs: @Sendable () -> [Int32]

    init(
      _ number: Int, _ role: FileRole, _ identity: FileIdentity, _ descriptor: Int32,
      isQueue: Bool, programs: @escaping @Sendable () -> [Int32]
    ) {
      self.number = number
      self.role = role
      self.identity = identity
      self.descriptor = descriptor
      self.isQueue = isQueue
      self.programs = programs
    }

    deinit { try? Calls.close(descriptor) }

    func memory(at offset: UInt64, byteCount: Int) -> AnonymousMemory? {
      guard !isQueue else { return nil }
      let place = RegionOffset.real(offset, isDevice: isDevice)
      return try? AnonymousMemory(mapping: descriptor, at: place, byteCount: byteCount)
    }

    func isMapped(_ range: ClosedRange<UInt64>) -> Bool {
      let first = RegionOffset.real(range.lowerBound, isDevice: isDevice)
      let last = first + (range.upperBound - range.lowerBound)
      return programs().contains { program in
        MemoryList(program).areas.contains { area in
          area.isShared && area.file == identity && area.offset <= last
            && area.offset + (area.end - area.start) > first
        }
      }
    }

    var isDevice: Bool { if case .device = role { true } else { false } }
  }

  private struct Watched: Sendable {
    let number: Int
    var openings = 0
  }

  private struct State: Sendable {
    var byNumber: [Int: RealFile] = [:]
    var byIdentity: [FileIdentity: RealFile] = [:]
    var byWatch: [Int32: Watched] = [:]
    /// Queues whose programs find them readable.
    var readable: Set<Int> = []
  }

  private let state = Mutex(State())
  /// Tells of closes of the files in memory.
  private let closes: Int32
  /// What the keeper waits on: the closes, and the queues' ends.
  private let set: Int32
  /// Held while closes are taken and told.
  private let telling = Mutex(())
  private let programs: @Sendable () -> [Int32]

  init(programs: @escaping @Sendable () -> [Int32]) throws(CallFailure) {
    closes = try Watching.makeFileQueue()
    set = try Watching.makeSet()
    self.programs = programs
    try Watching.add(closes, to: set, as: 0)
  }

  /// Makes the real file of one of the host's.
  ///
  /// - Returns: A descriptor of ours that is to be given away and closed.
  func make(_ number: Int, _ role: FileRole) throws(CallFailure) -> Int32 {
    switch role {
    case .faults, .events:
      let (ours, theirs) = try Watching.makePipe()
      do throws(CallFailure) {
        let identity = try Calls.facts(of: theirs).identity
        try Watching.add(ours, to: set, as: UInt64(number), for: 0)
        add(RealFile(number, role, identity, ours, isQueue: true, programs: programs), watch: nil)
        return theirs
      } catch {
        try? Calls.close(ours)
        try? Calls.close(theirs)
        throw error
      }
    case .context, .device, .group, .access, .buffer:
      let byteCount: UInt64 =
        switch role {
        case .device: RegionOffset.fileSize
        case .buffer(let byteCount): UInt64(byteCount)
        default: 1 << 40
        }
      let file = try Calls.makeSealedFile(byteCount)
      do throws(CallFailure) {
        let identity = try Calls.facts(of: file).identity
        let watch = try Watching.watchCloses(of: file, in: closes)
        // Noted before it is opened, which the keeper hears of at once.
        add(
          RealFile(number, role, identity, file, isQueue: false, programs: programs), watch: watch)
      } catch {
        try? Calls.close(file)
        throw error
      }
      do throws(CallFailure) { return try Calls.reopenAtEnd(file) } catch {
        remove(number)
        throw error
      }
    }
  }

  private func add(_ file: RealFile, watch: Int32?) {
    state.withLock { state in
      state.byNumber[file.number] = file
      state.byIdentity[file.identity] = file
      if let watch { state.byWatch[watch] = Watched(number: file.number) }
    }
  }

  /// The real file of one of the host's.
  func file(_ number: Int) -> RealFile? { state.withLock { $0.byNumber[number] } }

  /// The host's file behind a real one.
  func file(_ identity: FileIdentity) -> RealFile? { state.withLock { $0.byIdentity[identity] } }

  /// Forgets a file.
  ///
  /// - Returns: The file, unless it was forgotten before.
  @discardableResult
  private func remove(_ number: Int) -> RealFile? {
    state.withLock { state in
      guard let file = state.byNumber.removeValue(forKey: number) else { return nil }
      state.byIdentity[file.identity] = nil
      state.readable.remove(number)
      if let watch = state.byWatch.first(where: { $0.value.number == number })?.key {
        state.byWatch[watch] = nil
        Watching.unwatch(watch, in: closes)
      }
      return file
    }
  }

  // MARK: Last closes

  /// Tells of all files whose last descriptor is gone.
  func tellCloses(_ released: (RealFile) -> Void) {
    telling.withLock { _ in
      // Mostly there is nothing: one call says so.
      while let event = try? Watching.wait(set, milliseconds: 0) {
        if event.number != 0, let file = remove(Int(event.number)) {
          released(file)
          continue
        }
        for event in Watching.takeFileEvents(closes) {
          guard let number = note(event) else { continue }
          if let file = remove(number) { released(file) }
        }
        // A queue that is on its way out is seen until it is out.
        if event.number != 0 { break }
      }
    }
  }

  /// Notes an opening or its end.
  ///
  /// - Returns: The file, when that was the last.
  private func note(_ event: Watching.FileEvent) -> Int? {
    state.withLock { state in
      guard var watched = state.byWatch[event.watch] else { return nil }
      watched.openings += event.isOpening ? 1 : -1
      state.byWatch[event.watch] = watched
      return watched.openings == 0 && !event.isOpening ? watched.number : nil
    }
  }

  /// Waits until there may be something to tell.
  func waitForCloses() { _ = try? Watching.wait(set, milliseconds: -1) }

  /// Makes a queue readable.
  func setReadable(_ number: Int) {
    let ours = state.withLock { state -> Int32? in
      guard let file = state.byNumber[number], file.isQueue else { return nil }
      state.readable.insert(number)
      return file.descriptor
    }
    // Each time: a read that came past us, by a low number, takes the last ring away.
    if let ours { Watching.ring(ours) }
  }

  /// Makes a queue unreadable, by a copy of a program's descriptor.
  func setEmpty(_ number: Int, theirs: Int32) {
    if state.withLock({ $0.readable.remove(number) }) != nil { Watching.silence(theirs) }
  }
}

/// Where a device's regions are in the file that programs see.
///
/// VFIO's programs take offsets from the kernel. The host counts regions in bits 63:40; programs see
/// numbers from 16 on for memory, which lies in the file, and from 32 on for regions that a model
/// serves, which lie behind its end: touching those by a mapping is an event.
enum RegionOffset {
  static let shift: UInt64 = 40
  static let memoryBase: UInt64 = 0x10
  static let servedBase: UInt64 = 0x20
  /// The size of a device's file in bytes.
  static let fileSize: UInt64 = 0x18 << shift

  /// The host's offset for one that a program gave.
  static func host(_ offset: UInt64) -> UInt64 {
    let index = offset >> shift
    guard index >= memoryBase else { return offset }
    return (index & 0xF) << shift | offset & (1 << shift - 1)
  }

  /// Where a region's memory lies in the real file.
  static func real(_ offset: UInt64, isDevice: Bool) -> UInt64 {
    isDevice ? offset + memoryBase << shift : offset
  }

  /// The region and the place in it that an offset in a device's file stands for.
  static func place(_ offset: UInt64) -> (region: Int, position: UInt64) {
    (Int(offset >> shift & 0xF), offset & (1 << shift - 1))
  }

  /// What a program sees for one of the host's offsets.
  static func shown(_ offset: UInt64, isServed: Bool) -> UInt64 {
    // The offset may come back out of the program's memory.
    offset &+ (isServed ? servedBase : memoryBase) << shift
  }
}
