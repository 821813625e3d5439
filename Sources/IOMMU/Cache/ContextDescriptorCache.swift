/// A unit's cache of SMMUv3 context descriptors, by stream and substream.
///
/// An entry stays until it is invalidated or another takes its place, whatever the guest writes
/// meanwhile. Concurrency is as in ``IOTLB``, with one entry a set.
public final class ContextDescriptorCache: Sendable {
  // Eight words: generation and sequence, key, three words of the descriptor, count of
  // invalidations.
  private let words = AtomicWords(count: 8 << 10)
  private let generations = AtomicWords(count: 256)

  private static var count: Int { 1 << 10 }

  init() {}

  private func key(_ stream: UInt32, _ substream: UInt32) -> UInt64 {
    UInt64(stream) << 32 | 1 << 31 | UInt64(substream & 0xF_FFFF)
  }

  private func slot(_ key: UInt64) -> Int { Int(truncatingIfNeeded: CacheKey.mix(key) >> 54) &* 8 }

  private func generationSlot(_ stream: UInt32) -> Int {
    Int(truncatingIfNeeded: CacheKey.mix(UInt64(stream)) >> 56)
  }

  private func generation(_ stream: UInt32) -> UInt64 {
    generations.loadAcquiring(generationSlot(stream)) & 0xFFFF_FFFF
  }

  func lookup(_ stream: UInt32, _ substream: UInt32) -> SMMUContextDescriptor? {
    let key = key(stream, substream)
    let at = slot(key)
    let sequence = words.loadAcquiring(at)
    guard sequence & 1 == 0, sequence >> 32 == generation(stream) else { return nil }
    let found = words.loadAcquiring(at &+ 1)
    let descriptor = SMMUContextDescriptor(
      word0: words.loadAcquiring(at &+ 2), word1: words.loadAcquiring(at &+ 3),
      word2: words.loadAcquiring(at &+ 4))
    guard words.load(at) == sequence, found == key else { return nil }
    return descriptor
  }

  /// What a fetch must know before it starts.
  struct Ticket {
    let count: UInt64
    let generation: UInt64
  }

  func ticket(_ stream: UInt32, _ substream: UInt32) -> Ticket {
    Ticket(
      count: words.loadInOrder(slot(key(stream, substream)) &+ 5), generation: generation(stream))
  }

  func install(
    _ descriptor: SMMUContextDescriptor, _ stream: UInt32, _ substream: UInt32, _ ticket: Ticket
  ) {
    let key = key(stream, substream)
    let at = slot(key)
    let header = words.load(at)
    guard header & 1 == 0, words.compareExchange(at, header, header | 1) else { return }
    var generation = header >> 32
    if words.loadInOrder(at &+ 5) == ticket.count {
      words.storeReleasing(key, at: at &+ 1)
      words.storeReleasing(descriptor.word0, at: at &+ 2)
      words.storeReleasing(descriptor.word1, at: at &+ 3)
      words.storeReleasing(descriptor.word2, at: at &+ 4)
      generation = ticket.generation
    }
    unlock(at, header, generation)
  }

  private func unlock(_ at: Int, _ header: UInt64, _ generation: UInt64) {
    words.storeReleasing(generation << 32 | (header &+ 2) & 0xFFFF_FFFE, at: at)
  }

  /// Forgets the descriptor of one substream: `CFGI_CD`.
  ///
  /// - Parameters:
  ///   - stream: The stream, as the caller numbers them.
  ///   - substream: The substream ID; 0 also for requests without.
  public func invalidate(stream: UInt32, substream: UInt32) {
    let at = slot(key(stream, substream))
    words.add(1, at: at &+ 5)
    var attempts = 0
    while true {
      let header = words.loadInOrder(at)
      if header & 1 == 0, words.compareExchange(at, header, header | 1) {
        if words.load(at &+ 1) == key(stream, substream) { words.storeReleasing(0, at: at &+ 1) }
        return unlock(at, header, header >> 32)
      }
      attempts += 1
      if attempts & 127 == 0 { HostMemory.yield() }
    }
  }

  /// Forgets all descriptors of a stream: `CFGI_CD_ALL`, and what a new stream table entry needs.
  ///
  /// - Parameter stream: The stream, as the caller numbers them.
  public func invalidate(stream: UInt32) { generations.add(1, at: generationSlot(stream)) }

  /// Forgets everything: `CFGI_ALL`.
  public func invalidateAll() { for slot in 0..<256 { generations.add(1, at: slot) } }
}
