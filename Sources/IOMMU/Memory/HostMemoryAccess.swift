import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Words and bytes at host addresses of our own process.
///
/// This file is one of the few that may be unsafe: page tables and guest pages are addresses in page
/// tables, not Swift objects. What makes it hold is the promise in ``HostAddress``: an address that
/// a translation yields stays mapped until after the drain that follows its removal. All accesses
/// to single words are atomic, since guests write their tables while we walk them.
@frozen
public enum HostMemory {
  /// Loads an aligned word of our own tables or of a pinned page.
  @inline(__always)
  static func load(_ address: UInt64) -> UInt64 {
    // See above; callers align the address.
    unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: UInt(address))
      .unsafelyUnwrapped.pointee.load(ordering: .acquiring)
  }

  /// Stores an aligned word.
  @inline(__always)
  static func store(_ value: UInt64, at address: UInt64) {
    // See above; callers align the address.
    unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: UInt(address))
      .unsafelyUnwrapped.pointee.store(value, ordering: .releasing)
  }

  /// Replaces an aligned word if it still holds `expected`.
  @inline(__always)
  static func compareExchange(_ address: UInt64, _ expected: UInt64, _ desired: UInt64) -> Bool {
    // See above; callers align the address.
    unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: UInt(address))
      .unsafelyUnwrapped.pointee
      .compareExchange(expected: expected, desired: desired, ordering: .acquiringAndReleasing)
      .exchanged
  }

  /// Loads an aligned word of a pinned page, as a test or a device model does.
  ///
  /// - Parameter address: Where it is, in space 0 and under the promise of ``HostAddress``.
  /// - Returns: The word.
  public static func load(at address: HostAddress) -> UInt64 {
    precondition(address.isDirect && address.rawValue & 7 == 0, "not an aligned direct address")
    return load(address.address)
  }

  /// Stores an aligned word into a pinned page, as a test or a device model does.
  ///
  /// - Parameters:
  ///   - value: The word.
  ///   - address: Where it goes, in space 0 and under the promise of ``HostAddress``.
  public static func store(_ value: UInt64, at address: HostAddress) {
    precondition(address.isDirect && address.rawValue & 7 == 0, "not an aligned direct address")
    store(value, at: address.address)
  }

  /// Stores an aligned 32-bit word into a pinned page at once.
  package static func store32(_ value: UInt32, at address: HostAddress) {
    precondition(address.isDirect && address.rawValue & 3 == 0, "not an aligned direct address")
    // The page is pinned and the address aligned, see above.
    unsafe UnsafePointer<Atomic<UInt32>>(bitPattern: UInt(address.address))
      .unsafelyUnwrapped.pointee.store(value, ordering: .releasing)
  }

  /// Replaces an aligned word of a pinned page if it still holds `expected`.
  package static func compareExchange(
    at address: HostAddress, _ expected: UInt64, _ desired: UInt64
  ) -> Bool {
    precondition(address.isDirect && address.rawValue & 7 == 0, "not an aligned direct address")
    return compareExchange(address.address, expected, desired)
  }

  /// Copies between two ranges of pinned pages; they may overlap.
  @inline(__always)
  static func copy(_ count: Int, from source: UInt64, to target: UInt64) {
    // Both are parts of pinned pages, see above.
    unsafe memmove(
      UnsafeMutableRawPointer(bitPattern: UInt(target)).unsafelyUnwrapped,
      UnsafeRawPointer(bitPattern: UInt(source)).unsafelyUnwrapped, count)
  }

  /// Copies out of a pinned page into a part of a buffer.
  @inline(__always)
  package static func copy(
    _ count: Int, from source: UInt64, to buffer: inout MutableSpan<UInt8>, at offset: Int
  ) {
    precondition(offset >= 0 && count >= 0 && offset <= buffer.count - count)
    unsafe buffer.withUnsafeMutableBufferPointer { bytes in
      // The part was checked, and the source lies in a pinned page.
      _ = unsafe memcpy(
        bytes.baseAddress.unsafelyUnwrapped + offset,
        UnsafeRawPointer(bitPattern: UInt(source)).unsafelyUnwrapped, count)
    }
  }

  /// Copies a part of a buffer into a pinned page.
  @inline(__always)
  package static func copy(
    _ count: Int, from buffer: Span<UInt8>, at offset: Int, to target: UInt64
  ) {
    precondition(offset >= 0 && count >= 0 && offset <= buffer.count - count)
    unsafe buffer.withUnsafeBufferPointer { bytes in
      // The part was checked, and the target lies in a pinned page.
      _ = unsafe memcpy(
        UnsafeMutableRawPointer(bitPattern: UInt(target)).unsafelyUnwrapped,
        bytes.baseAddress.unsafelyUnwrapped + offset, count)
    }
  }

  /// A number that differs between most threads that run at the same time: where their stack is.
  @inline(__always)
  static func threadHint() -> UInt {
    var mark: UInt8 = 0
    // Only the address is looked at.
    let address = unsafe withUnsafePointer(to: &mark) { UInt(bitPattern: $0) }
    return ((address >> 16) &* 0x9E37_79B9_7F4A_7C15) >> 56
  }

  /// Lets another thread run.
  static func yield() { _ = sched_yield() }
}

/// A fixed number of atomic words; every index is checked.
@safe
struct AtomicWords: ~Copyable, @unchecked Sendable {
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  let count: Int

  init(count: Int) {
    // Lines of 64 bytes hold the words that belong together.
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 8, alignment: 128)
    unsafe memory.initializeMemory(as: UInt64.self, repeating: 0, count: count)
    // An atomic word has the layout of its value, and zero is a value.
    unsafe words = memory.assumingMemoryBound(to: Atomic<UInt64>.self)
    self.count = count
  }

  deinit { unsafe words.deallocate() }

  @inline(__always)
  func load(_ index: Int) -> UInt64 {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    // The index was checked.
    return unsafe words[index].load(ordering: .relaxed)
  }

  @inline(__always)
  func loadAcquiring(_ index: Int) -> UInt64 {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    // The index was checked.
    return unsafe words[index].load(ordering: .acquiring)
  }

  @inline(__always)
  func loadInOrder(_ index: Int) -> UInt64 {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    // The index was checked.
    return unsafe words[index].load(ordering: .sequentiallyConsistent)
  }

  @inline(__always)
  func store(_ value: UInt64, at index: Int) {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    // The index was checked.
    unsafe words[index].store(value, ordering: .relaxed)
  }

  @inline(__always)
  func storeReleasing(_ value: UInt64, at index: Int) {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    // The index was checked.
    unsafe words[index].store(value, ordering: .releasing)
  }

  @inline(__always)
  func add(_ value: UInt64, at index: Int) {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    // The index was checked.
    unsafe words[index].wrappingAdd(value, ordering: .sequentiallyConsistent)
  }

  @inline(__always)
  func compareExchange(_ index: Int, _ expected: UInt64, _ desired: UInt64) -> Bool {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    // The index was checked.
    return unsafe words[index].compareExchange(
      expected: expected, desired: desired, ordering: .sequentiallyConsistent
    ).exchanged
  }
}

/// An object that somebody else keeps alive.
///
/// Counting references would have all threads write one word, next to what they look up, at every
/// transaction or request.
@safe
struct Lent<Object: AnyObject & Sendable>: @unchecked Sendable {
  private let object: Unmanaged<Object>

  /// Lends an object; the caller holds it for as long as this value is used.
  init(_ object: Object) { unsafe self.object = Unmanaged.passUnretained(object) }

  @inline(__always)
  func callAsFunction<Result>(_ body: (Object) -> Result) -> Result {
    // A transaction is lent to a closure that its unit runs, and cannot leave it; a context holds
    // its table itself.
    unsafe object._withUnsafeGuaranteedRef { body($0) }
  }
}

/// Blocks of 4 KiB for page tables: zero when handed out, zero when given back.
struct TableBlocks: ~Copyable {
  private var slabs: [UInt64] = []
  private var free: [UInt64] = []
  private(set) var live = 0

  private static var blocksInSlab: Int { 64 }
  /// A small first slab: most tables hold few pages.
  private static var blocksInFirstSlab: Int { 8 }
  /// 4 MiB.
  private static var slabsKept: Int { 17 }

  deinit {
    for slab in slabs {
      // Each was allocated below and is given back once.
      unsafe UnsafeMutableRawPointer(bitPattern: UInt(slab)).unsafelyUnwrapped.deallocate()
    }
  }

  /// The address of an empty block.
  mutating func take() -> UInt64 {
    live += 1
    if let block = free.popLast() { return block }
    let count = slabs.isEmpty ? Self.blocksInFirstSlab : Self.blocksInSlab
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 4096, alignment: 4096)
    unsafe memory.initializeMemory(as: UInt64.self, repeating: 0, count: count * 512)
    let start = UInt64(UInt(bitPattern: memory))
    slabs.append(start)
    for index in (1..<count).reversed() { free.append(start + UInt64(index) * 4096) }
    return start
  }

  /// Takes a block back that holds only zeros.
  mutating func give(_ block: UInt64) {
    live -= 1
    free.append(block)
  }

  /// Gives memory back to the allocator, when there is much and one block alone is in use.
  ///
  /// What a table that is filled again and again needs is kept.
  ///
  /// - Parameter block: The first block that was taken.
  mutating func shrink(keeping block: UInt64) {
    guard live == 1, slabs.count > Self.slabsKept, slabs[0] == block else { return }
    let kept = slabs[..<Self.slabsKept]
    for slab in slabs[Self.slabsKept...] {
      // All of its blocks are free, and nobody is told of them any more.
      unsafe UnsafeMutableRawPointer(bitPattern: UInt(slab)).unsafelyUnwrapped.deallocate()
    }
    slabs = Array(kept)
    free = []
    for (index, slab) in slabs.enumerated().reversed() {
      let count = index == 0 ? Self.blocksInFirstSlab : Self.blocksInSlab
      for number in (index == 0 ? 1 : 0)..<count { free.append(slab + UInt64(number) * 4096) }
    }
  }
}
