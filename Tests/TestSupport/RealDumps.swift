#if canImport(Glibc)
  import Glibc
#endif

/// The folder of config-space dumps of real devices, when it stands beside the project.
///
/// The dumps are not part of the project: tests that use them run when they are there, and a line
/// says so when they are not.
public enum RealDumps {
  /// The folder, relative to the project's root or where `PASSAGE_DUMPS` says; `nil` when absent.
  public static let folder: String? = {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let told = unsafe getenv("PASSAGE_DUMPS").map { unsafe String(cString: $0) }
    let folder = told ?? "/\(root)/../shared/dumps"
    guard unsafe access(folder, R_OK) == 0 else {
      print("real dumps: none at \(folder): tests over them are skipped")
      return nil
    }
    return folder
  }()
}
