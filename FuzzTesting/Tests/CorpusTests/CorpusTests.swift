import Foundation
import FuzzEntries
import Testing

/// An input that is kept: a seed, or one that reached something new.
struct CorpusFile: Sendable, CustomStringConvertible {
  let target: FuzzTarget
  let name: String

  var description: String { "\(target.rawValue)/\(name)" }

  private static let folder =
    "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/Corpora"

  var bytes: [UInt8]? {
    FileManager.default.contents(atPath: "\(Self.folder)/\(description)").map { [UInt8]($0) }
  }

  static let all: [CorpusFile] = FuzzTarget.allCases.flatMap { target in
    let names =
      (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(target.rawValue)")) ?? []
    return names.filter { !$0.hasPrefix(".") }.sorted().map { CorpusFile(target: target, name: $0) }
  }
}

@Suite("The fuzz corpora")
struct CorpusTests {
  @Test("each file", arguments: CorpusFile.all)
  func replay(_ file: CorpusFile) throws {
    file.target.run(try #require(file.bytes))
  }

  @Test("each target has some files, and small ones", arguments: FuzzTarget.allCases)
  func size(of target: FuzzTarget) {
    let files = CorpusFile.all.filter { $0.target == target }
    #expect((8...160).contains(files.count))
    #expect(files.reduce(0) { $0 + ($1.bytes?.count ?? 0) } < 300 << 10)
  }

  @Test("the empty input", arguments: FuzzTarget.allCases)
  func empty(_ target: FuzzTarget) { target.run([]) }
}
