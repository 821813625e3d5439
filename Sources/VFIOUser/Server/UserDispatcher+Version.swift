import HostABI
import Synchronization
import Hardware

extension UserDispatcher {
  /// The version that we speak.
  static let version: (major: UInt16, minor: UInt16) = (0, 2)

  /// `VFIO_USER_VERSION`: major and minor, 16 bits each, then JSON.
  func version(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    guard !hasVersion else { throw Refusal(.EINVAL, "a second VERSION") }
    guard let major = payload.little(UInt16.self, at: 0),
      let minor = payload.little(UInt16.self, at: 2)
    else { throw Refusal(.EINVAL, "a VERSION without a version") }
    guard major == Self.version.major else {
      throw Refusal(.EOPNOTSUPP, "major version \(major) is not known")
    }
    let offered: UserCapabilities
    do throws(SmallJSON.Problem) {
      offered = try UserCapabilities(payload.extracting(4..<payload.count))
    } catch {
      throw Refusal(.EINVAL, "version data is wrong: \(error)")
    }
    if let transfer = offered.maximumTransfer {
      guard transfer >= 8 else { throw Refusal(.EINVAL, "max_data_xfer_size is too small") }
      peer.transferLimit.store(
        Int(min(transfer, UInt64(UserLimits.transfer))), ordering: .relaxed)
    }
    // What QEMU says, of any version; nobody else is asked what no specification knows.
    if minor == 0, offered.canWriteMany == true { peer.doubtForm() }
    let agreed = min(minor, Self.version.minor)
    let data = agreement(with: offered).encoded()
    makeRoom(4 + data.count)
    put(major, at: 0)
    put(agreed, at: 2)
    for (index, byte) in data.enumerated() { put(byte, at: 4 + index) }
    hasVersion = true
    observe(.connected("version \(major).\(agreed)" + Self.words(offered)))
    device.attached(to: peer)
    return 4 + data.count
  }

  /// Our limits, and of what can be done what the client offers too.
  private func agreement(with offered: UserCapabilities) -> UserCapabilities {
    var ours = UserCapabilities()
    ours.maximumDescriptors = UInt64(UserLimits.descriptors)
    ours.maximumTransfer = UInt64(UserLimits.transfer)
    ours.maximumMappings = UInt64(UserMapping.limit)
    ours.pageSizes = UserLimits.pageSize
    if offered.canWriteMany == true { ours.canWriteMany = true }
    if offered.migrationPageSize != nil, device.migration != nil {
      ours.migrationPageSize = UserLimits.migrationPageSize
    }
    return ours
  }

  private static func words(_ offered: UserCapabilities) -> String {
    var words = ""
    if let count = offered.maximumDescriptors { words += ", \(count) descriptors a message" }
    if let count = offered.maximumTransfer { words += ", \(count) bytes a transfer" }
    if offered.canWriteMany == true { words += ", joined writes" }
    if offered.migrationPageSize != nil { words += ", migration" }
    return words
  }
}
