import HostABI
import HostSystem
import VFIOUser

extension UserMapping {
  /// Sees to it that the memory's file is one in memory, and whole; nothing is wrong with none.
  ///
  /// A file system that answers late, or asks its peer, would hold up whoever touches the pages.
  ///
  /// - Throws: `EINVAL` for any other file, and for one that ends before the memory does.
  func checkFile() throws(UserRefusal) {
    guard let (file, offset) = file else { return }
    guard Calls.isMemory(file.descriptor) else {
      throw UserRefusal(.EINVAL, "its file is not in memory: use memfd, tmpfs or huge pages")
    }
    let size = range.upperBound &- range.lowerBound
    guard let facts = try? Calls.facts(of: file.descriptor), offset < facts.byteCount,
      size < facts.byteCount - offset
    else { throw UserRefusal(.EINVAL, "its file is too short") }
  }
}
