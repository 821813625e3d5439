/// Words as a POSIX shell reads them.
public enum ShellWords {
  /// A word that a shell reads as this text.
  ///
  /// - Parameter word: Any text.
  /// - Returns: The text itself if nothing in it means anything to a shell, else between quotes.
  public static func quoted(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "%+,-./:=@_".utf8.contains(byte)
      }
    }
    if isPlain && !word.isEmpty { return word }
    let pieces = word.split(separator: "'", omittingEmptySubsequences: false)
    return "'" + pieces.joined(separator: "'\\''") + "'"
  }

  /// A command of several options, one on a line.
  ///
  /// - Parameter groups: The words of each line.
  /// - Returns: The lines, all but the last one with the backslash that goes on.
  public static func lines(_ groups: [[String]]) -> String {
    groups.map { $0.map(quoted).joined(separator: " ") }.joined(separator: " \\\n  ")
  }
}
