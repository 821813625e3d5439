/// Elements that wait their turn, first come, first served.
///
/// Adding one and taking the first cost the same however many wait.
struct WaitingLine<Element> {
  private var elements: [Element?] = []
  /// Where the first that waits is; those before it were taken.
  private var head = 0

  var count: Int { elements.count - head }
  var isEmpty: Bool { count == 0 }
  var first: Element? { head < elements.count ? elements[head] : nil }

  mutating func append(_ element: Element) { elements.append(element) }

  /// Takes the first; there must be one.
  mutating func removeFirst() {
    elements[head] = nil
    head += 1
    // What is moved is never more than what was taken since the last time.
    guard head >= 32, head * 2 >= elements.count else { return }
    elements.removeFirst(head)
    head = 0
  }

  /// Takes those that are wanted, in their order.
  mutating func removeAll(where isWanted: (Element) -> Bool) -> [Element] {
    let all = elements[head...].compactMap { $0 }
    elements = all.filter { !isWanted($0) }
    head = 0
    return all.filter(isWanted)
  }
}
