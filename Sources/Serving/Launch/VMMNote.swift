/// What the user of a VMM should know of its command.
public enum VMMNote: Hashable, Sendable, CustomStringConvertible {
  /// The guest's kernel needs these words on its command line, and they cannot be added from here.
  case kernelNeeds(String)
  /// These words were added to the guest kernel's command line.
  case kernelGets(String)
  /// No size of memory was said; this one was taken.
  case memory(String)

  /// The words.
  public var description: String {
    switch self {
    case .kernelNeeds(let words): "the guest's kernel needs '\(words)' on its command line"
    case .kernelGets(let words): "'\(words)' was added to the guest kernel's command line"
    case .memory(let size): "the guest gets \(size) of memory, since no -m says how much"
    }
  }
}
