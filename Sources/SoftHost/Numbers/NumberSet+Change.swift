extension NumberSet {
  /// Adds a number, which is below ``limit``.
  ///
  /// - Returns: Whether it was no member before.
  @inlinable
  @discardableResult
  public mutating func insert(_ number: UInt32) -> Bool {
    precondition(number < Self.limit, "numbers are below 2^31")
    let number = Int(number)
    if let word = word(of: number) {
      let old = words[word]
      let new = old | 1 << UInt64(number & 63)
      if new == old { return false }
      // Nodes above hear only of a word's first member and of its last gap.
      if old != 0, new != .max {
        words[word] = new
        members &+= 1
        return true
      }
    }
    let before = members
    if root < 0 {
      while number >= capacity { height += 1 }
      root = height == 0 ? makeWord() : makeNode()
    }
    while number >= capacity { grow() }
    _ = insert(number, under: Int(root), level: height)
    return members > before
  }

  /// Removes a number.
  ///
  /// - Returns: Whether it was a member.
  @inlinable
  @discardableResult
  public mutating func remove(_ number: UInt32) -> Bool {
    guard let word = word(of: Int(number)) else { return false }
    let old = words[word]
    let new = old & ~(1 << UInt64(number & 63))
    if new == old { return false }
    members &-= 1
    if old != .max, new != 0 {
      words[word] = new
      return true
    }
    if remove(Int(number), under: Int(root), level: height) {
      free(Int(root), level: height)
      root = -1
      height = 0
    }
    return true
  }

  /// Puts a node above the root, which has members.
  @inlinable
  mutating func grow() {
    let node = Int(makeNode())
    let isFull = height == 0 ? words[Int(root)] == .max : full[Int(root)] == .max
    children[node &* 64] = root
    occupied[node] = 1
    full[node] = isFull ? 1 : 0
    root = Int32(node)
    height += 1
  }

  /// Adds a number below a node.
  ///
  /// - Returns: Whether the node is full now.
  @inlinable
  mutating func insert(_ number: Int, under node: Int, level: Int) -> Bool {
    let slot = slot(of: number, level: level)
    let bit: UInt64 = 1 << slot
    guard level > 0 else {
      members &+= words[node] & bit == 0 ? 1 : 0
      words[node] |= bit
      return words[node] == .max
    }
    var child = children[node &* 64 &+ slot]
    if child < 0 {
      child = level == 1 ? makeWord() : makeNode()
      children[node &* 64 &+ slot] = child
    }
    occupied[node] |= bit
    if insert(number, under: Int(child), level: level &- 1) { full[node] |= bit }
    return full[node] == .max
  }

  /// Removes a member from below a node, and gives nodes below it back that become empty.
  ///
  /// - Returns: Whether the node is empty now.
  @inlinable
  mutating func remove(_ number: Int, under node: Int, level: Int) -> Bool {
    let slot = slot(of: number, level: level)
    let bit: UInt64 = 1 << slot
    guard level > 0 else {
      words[node] &= ~bit
      return words[node] == 0
    }
    let child = Int(children[node &* 64 &+ slot])
    full[node] &= ~bit
    if remove(number, under: child, level: level &- 1) {
      children[node &* 64 &+ slot] = -1
      occupied[node] &= ~bit
      free(child, level: level &- 1)
    }
    return occupied[node] == 0
  }

  @inlinable
  mutating func makeWord() -> Int32 {
    if let free = unusedWords.popLast() { return free }
    words.append(0)
    return Int32(words.count - 1)
  }

  @inlinable
  mutating func makeNode() -> Int32 {
    if let free = unusedNodes.popLast() { return free }
    occupied.append(0)
    full.append(0)
    children.append(contentsOf: repeatElement(-1, count: 64))
    return Int32(full.count - 1)
  }

  /// Gives an empty node or word back; a node's children are gone.
  @inlinable
  mutating func free(_ node: Int, level: Int) {
    if level == 0 { unusedWords.append(Int32(node)) } else { unusedNodes.append(Int32(node)) }
  }
}
