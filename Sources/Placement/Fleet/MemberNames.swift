/// The first few names of many, in the order of their bytes: the same few in whatever order they
/// come.
public struct MemberNames: Hashable, Sendable {
  /// How many names are kept.
  public static let limit = 4

  /// The names, sorted.
  public private(set) var names: [String] = []

  /// Starts without names.
  public init() {}

  /// Keeps a name when it belongs to the first ones.
  ///
  /// - Parameter name: The name; one that is kept already is not kept twice.
  public mutating func add(_ name: String) {
    if names.count == Self.limit, let last = names.last, !name.utf8Precedes(last) { return }
    let index = names.firstIndex { !$0.utf8Precedes(name) } ?? names.endIndex
    if index < names.endIndex, names[index].utf8.elementsEqual(name.utf8) { return }
    names.insert(name, at: index)
    if names.count > Self.limit { names.removeLast() }
  }
}

extension String {
  // Strings compare by what people see; two names that look the same would depend on who comes first.
  fileprivate func utf8Precedes(_ other: String) -> Bool {
    utf8.lexicographicallyPrecedes(other.utf8)
  }
}
