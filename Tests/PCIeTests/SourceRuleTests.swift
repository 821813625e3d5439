import TestSupport
import Testing

/// Rules about the sources that no compiler checks.
@Suite("The sources keep their own rules")
struct SourceRuleTests {
  /// The commands may need what only Foundation has; the libraries are to work without it.
  private static let mayImportFoundation = ["Commands/", "passage/"]

  /// Where `unsafe` may stand: the room that talks to the operating system, the one file that reads
  /// integers from bytes, and the one that follows the addresses in page tables.
  private static let mayBeUnsafe = [
    "HostSystem/", "Hardware/ByteReading.swift", "IOMMU/Memory/HostMemoryAccess.swift",
  ]

  @Test("there are sources to check")
  func found() {
    let paths = Project.sources(in: "Sources").map(\.path)
    #expect(paths.count > 20 && paths.contains("Hardware/ByteReading.swift"))
  }

  @Test("no library imports Foundation")
  func foundation() {
    for (path, text) in Project.sources(in: "Sources") {
      guard !Self.mayImportFoundation.contains(where: path.hasPrefix) else { continue }
      let imports = code(text).filter {
        $0.contains("import") && $0.contains { $0.hasPrefix("Foundation") }
      }
      #expect(imports.isEmpty, "\(path) imports Foundation")
    }
  }

  @Test("unsafe code stands only where it may", arguments: ["Sources", "Tests"])
  func unsafety(folder: String) {
    for (path, text) in Project.sources(in: folder) {
      guard folder == "Tests" || !Self.mayBeUnsafe.contains(where: path.hasPrefix) else { continue }
      let lines = code(text).filter { $0.contains("unsafe") || $0.contains("@unsafe") }
      #expect(lines.isEmpty, "\(path) is none of the files that may: \(lines)")
    }
  }

  /// The words of each line, up to a comment; a quote stays with its word.
  private func code(_ text: String) -> [[Substring]] {
    text.split(separator: "\n").map { line in
      let words = line.split { !($0.isLetter || $0.isNumber || "_@\"/".contains($0)) }
      return Array(words.prefix { !$0.hasPrefix("//") })
    }
  }
}
