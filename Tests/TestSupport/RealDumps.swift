import Foundation
public import PCIe

/// The config space of a real device, from a file in `lspci -xxxx` form.
public struct RealDump: Sendable, CustomStringConvertible {
  /// The file's name, without its folder.
  public let file: String
  /// The bytes.
  public let config: ConfigSpace

  /// The file's name, which test reports show.
  public var description: String { file }
}

/// The folder of config-space dumps of real devices, when it stands beside the project.
///
/// The dumps are not part of the project: tests that use them run when they are there, and a line
/// says so when they are not.
public enum RealDumps {
  /// The folder, relative to the project's root or where `PASSAGE_DUMPS` says; `nil` when absent.
  public static let folder: String? = {
    let told = ProcessInfo.processInfo.environment["PASSAGE_DUMPS"]
    let folder = told ?? "\(Project.root)/../shared/dumps"
    guard FileManager.default.isReadableFile(atPath: folder) else {
      print("real dumps: none at \(folder): tests over them are skipped")
      return nil
    }
    return folder
  }()

  /// All dumps in order of file name; none when the folder is absent.
  public static let all: [RealDump] = {
    guard let folder else { return [] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".txt") }.sorted().compactMap { name in
      text(of: name).flatMap(parse).map { RealDump(file: name, config: $0) }
    }
  }()

  /// What a file of the folder says.
  public static func text(of name: String) -> String? {
    folder.flatMap { try? String(contentsOfFile: "\($0)/\(name)", encoding: .utf8) }
  }

  /// The plainest reading there is, to check the project's own reader against: every line of
  /// offset, colon and bytes, in order.
  private static func parse(_ text: String) -> ConfigSpace? {
    var bytes: [UInt8] = []
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: " ")
      guard let offset = parts.first, offset.hasSuffix(":"),
        Int(offset.dropLast(), radix: 16) == bytes.count
      else { continue }
      bytes += parts.dropFirst().compactMap { UInt8($0, radix: 16) }
    }
    return try? ConfigSpace(bytes)
  }
}
