/// The first few names of many, in alphabetical order: the same few in whatever order they come.
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
    if names.count == Self.limit, let last = names.last, name >= last { return }
    let index = names.firstIndex { $0 >= name } ?? names.endIndex
    if index < names.endIndex, names[index] == name { return }
    names.insert(name, at: index)
    if names.count > Self.limit { names.removeLast() }
  }
}
