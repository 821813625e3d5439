/// A small value for each of some PASIDs.
///
/// Values lie in chunks of 1024 PASIDs that come into being with their first entry and are used
/// again after their last one, so a dense map takes little more than its values. Looking up and
/// changing an entry is a few steps.
public struct PASIDMap<Value: BitwiseCopyable> {
  /// What the map has for one PASID.
  public typealias Element = (pasid: UInt32, value: Value)

  @usableFromInline var members = NumberSet()
  /// Per 1024 chunks where their numbers start in `chunks`, or -1.
  @usableFromInline var pages: [Int32] = []
  /// Where a chunk's values start, in chunks, or -1.
  @usableFromInline var chunks: [Int32] = []
  @usableFromInline var values: [Value] = []
  @usableFromInline var counts: [Int32] = []
  @usableFromInline var unused: [Int32] = []

  /// Makes a map without entries, which takes no memory.
  @inlinable public init() {}

  /// The number of entries.
  @inlinable public var count: Int { members.count }

  /// Whether there are no entries.
  @inlinable public var isEmpty: Bool { members.isEmpty }

  /// The value of a PASID.
  @inlinable
  public subscript(pasid: UInt32) -> Value? {
    members.contains(pasid) ? values[place(of: pasid)] : nil
  }

  /// The entry with the lowest PASID that is `pasid` or above.
  @inlinable
  public func first(from pasid: UInt32) -> Element? {
    guard let found = members.first(from: pasid) else { return nil }
    return (found, values[place(of: found)])
  }

  /// Stores the value of a PASID, which is below 2^31.
  ///
  /// - Returns: The value it had before.
  @inlinable
  @discardableResult
  public mutating func updateValue(_ value: Value, for pasid: UInt32) -> Value? {
    guard members.insert(pasid) else {
      let place = place(of: pasid)
      defer { values[place] = value }
      return values[place]
    }
    let chunk = chunk(for: pasid, filler: value)
    counts[chunk] &+= 1
    values[chunk &* 1024 &+ Int(pasid & 1023)] = value
    return nil
  }

  /// Removes the value of a PASID.
  ///
  /// - Returns: The value it had.
  @inlinable
  @discardableResult
  public mutating func removeValue(for pasid: UInt32) -> Value? {
    guard members.remove(pasid) else { return nil }
    let index = chunkIndex(of: pasid)
    let chunk = Int(chunks[index])
    counts[chunk] &-= 1
    if counts[chunk] == 0 {
      chunks[index] = -1
      unused.append(Int32(chunk))
    }
    return values[chunk &* 1024 &+ Int(pasid & 1023)]
  }

  /// Removes all entries and gives their memory back.
  public mutating func removeAll() { self = Self() }

  /// The bytes of the arrays that hold the entries.
  public var byteCount: Int {
    members.byteCount + values.capacity * MemoryLayout<Value>.stride
      + 4 * (pages.capacity + chunks.capacity + counts.capacity + unused.capacity)
  }

  /// Where the value of a member is.
  @inlinable
  func place(of pasid: UInt32) -> Int {
    Int(chunks[chunkIndex(of: pasid)]) &* 1024 &+ Int(pasid & 1023)
  }

  /// Where the number of a member's chunk is.
  @inlinable
  func chunkIndex(of pasid: UInt32) -> Int {
    Int(pages[Int(pasid >> 20)]) &* 1024 &+ Int(pasid >> 10 & 1023)
  }

  /// The chunk of a PASID, made when there is none.
  @inlinable
  mutating func chunk(for pasid: UInt32, filler: Value) -> Int {
    let page = Int(pasid >> 20)
    if page >= pages.count {
      pages.append(contentsOf: repeatElement(-1, count: page + 1 - pages.count))
    }
    if pages[page] < 0 {
      pages[page] = Int32(chunks.count / 1024)
      chunks.append(contentsOf: repeatElement(-1, count: 1024))
    }
    let index = chunkIndex(of: pasid)
    if chunks[index] >= 0 { return Int(chunks[index]) }
    if let free = unused.popLast() {
      chunks[index] = free
    } else {
      chunks[index] = Int32(counts.count)
      counts.append(0)
      values.append(contentsOf: repeatElement(filler, count: 1024))
    }
    return Int(chunks[index])
  }
}

extension PASIDMap: Sendable where Value: Sendable {}

extension PASIDMap: Sequence {
  /// The entries, lowest PASID first.
  @inlinable public func makeIterator() -> Iterator { Iterator(self) }

  /// The entries of a map, lowest PASID first.
  public struct Iterator: IteratorProtocol {
    @usableFromInline let map: PASIDMap
    @usableFromInline var place: UInt32 = 0

    @inlinable init(_ map: PASIDMap) { self.map = map }

    /// The next entry.
    @inlinable
    public mutating func next() -> Element? {
      guard let entry = map.first(from: place) else { return nil }
      place = entry.pasid + 1
      return entry
    }
  }
}
