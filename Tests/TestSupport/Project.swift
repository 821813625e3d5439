import Foundation

/// The project's own files, for tests that read them.
public enum Project {
  /// The folder that holds the package manifest.
  public static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  /// The Swift files below a folder of the project, with their paths relative to it.
  ///
  /// - Parameter folder: The folder, relative to the root.
  /// - Returns: Path and text of each file, in order of path.
  public static func sources(in folder: String) -> [(path: String, text: String)] {
    let top = "\(root)/\(folder)"
    let paths = (try? FileManager.default.subpathsOfDirectory(atPath: top)) ?? []
    return paths.filter { $0.hasSuffix(".swift") }.sorted().compactMap { path in
      (try? String(contentsOfFile: "\(top)/\(path)", encoding: .utf8)).map { (path, $0) }
    }
  }
}
