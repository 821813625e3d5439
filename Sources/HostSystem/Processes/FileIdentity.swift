/// Which file a descriptor or a mapping is of: what `stat` calls device and inode.
package struct FileIdentity: Hashable, Sendable {
  /// The file system's number, as `st_dev` holds it.
  package var device: UInt64
  /// The file's number in its file system.
  package var inode: UInt64

  package init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }

  /// Makes an identity of the two halves of a device number.
  package init(major: UInt32, minor: UInt32, inode: UInt64) {
    self.init(device: Self.deviceNumber(major: major, minor: minor), inode: inode)
  }

  /// A device number as `dev_t` holds it.
  package static func deviceNumber(major: UInt32, minor: UInt32) -> UInt64 {
    let low = UInt64(minor & 0xff) | UInt64(major & 0xfff) << 8
    let high = UInt64(minor & ~0xff) << 12 | UInt64(major & ~0xfff) << 32
    return low | high
  }
}
