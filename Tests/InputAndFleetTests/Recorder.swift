import Foundation
import PCIe
import TestSupport

@testable import Commands

/// Keeps all that a loader finds.
final class Recorder: SourceHandler {
  private(set) var devices: [LoadedDevice] = []
  private(set) var lines: [String] = []
  private(set) var lineNumbers: [Int] = []
  private(set) var problems: [InputProblem] = []
  private(set) var notes: [String] = []

  func device(_ device: LoadedDevice) { devices.append(device) }

  func surveyLine(_ bytes: Span<UInt8>, source: String, line: Int) {
    lines.append(String(decoding: [UInt8](copying: bytes), as: UTF8.self))
    lineNumbers.append(line)
  }

  func problem(_ problem: InputProblem) { problems.append(problem) }

  func note(_ text: String) { notes.append(text) }
}

/// A folder that lives as long as a test.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/passage-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, with the folders that lead to it, and returns its path.
  @discardableResult
  func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
    let file = "\(path)/\(name)"
    let folder = String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String { try write(name, text.utf8) }

  func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: "\(path)/\(name)", withDestinationPath: target)
  }

  func folder(_ name: String) throws {
    try FileManager.default.createDirectory(
      atPath: "\(path)/\(name)", withIntermediateDirectories: true)
  }
}

extension Fixture {
  /// The fixture as a loader hands it on.
  func loaded(_ index: Int = 0) -> LoadedDevice {
    LoadedDevice(
      address: PCIAddress(bus: UInt8(index / 32 % 256), device: UInt8(index % 32), function: 0),
      source: name, config: config)
  }

  /// Every fixture and every real dump.
  static let everything =
    Fixtures.all + RealDumps.all.map { Fixture("dump \($0.file)", $0.config) }
}

extension String {
  /// Whether some words occur; no words always do.
  func mentions(_ words: String) -> Bool { words.isEmpty || contains(words) }
}
