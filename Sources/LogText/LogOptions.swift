/// Where a log goes and how it looks, as its reader asked.
package struct LogOptions: Hashable, Sendable {
  /// The file; `-` is standard error, because standard output may be a supervised program's.
  package var path: String
  /// One JSON object a line.
  package var isJSON: Bool
  /// Repeats have a line each.
  package var showsAll: Bool

  /// Describes a log.
  package init(path: String, isJSON: Bool = false, showsAll: Bool = false) {
    self.path = path
    self.isJSON = isJSON
    self.showsAll = showsAll
  }

  /// How the lines of its file are written.
  package func format(of file: LogFile) -> LogFormat {
    isJSON ? .json : .text(LogStyle(isColored: file.wantsColor, showsAll: showsAll))
  }
}

/// How the lines of a log are written.
package enum LogFormat: Hashable, Sendable {
  /// Text, in a style.
  case text(LogStyle)
  /// One JSON object a line.
  case json
}
