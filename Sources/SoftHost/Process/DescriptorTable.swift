import HostABI

/// The descriptors of a program in this process.
final class DescriptorTable: CallerFiles {
  /// Open files by descriptor.
  private var files: [OpenFile?] = Array(repeating: nil, count: 3)
  /// No descriptor from 3 up to this one is free.
  private var nextFree = 3
  /// The most descriptors at once.
  private static let limit = 1 << 16

  /// The descriptors that are open, ascending.
  var descriptors: [Int32] {
    files.indices.filter { files[$0] != nil }.map { Int32($0) }
  }

  /// Gives an open file the lowest free descriptor, from 3.
  func add(_ file: OpenFile) throws(LinuxErrno) -> Int32 {
    while nextFree < files.count, files[nextFree] != nil { nextFree += 1 }
    guard nextFree < Self.limit else { throw .EMFILE }
    if nextFree == files.count { files.append(file) } else { files[nextFree] = file }
    return Int32(nextFree)
  }

  func addAgain(_ file: OpenFile) throws(LinuxErrno) -> Int32 {
    let number = try add(file)
    file.holders += 1
    return number
  }

  func remove(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile {
    let file = try file(descriptor)
    files[Int(descriptor)] = nil
    nextFree = min(nextFree, Int(descriptor))
    return file
  }

  func file(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile {
    guard descriptor >= 0, descriptor < files.count, let file = files[Int(descriptor)] else {
      throw .EBADF
    }
    return file
  }
}
