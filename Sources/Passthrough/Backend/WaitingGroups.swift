import Hardware

/// Page requests that a guest has been told of and has not answered yet, by the cookies that the
/// kernel knows them by.
///
/// The kernel answers for groups whose table goes, and uses their cookies again. So an entry is
/// dropped when its table goes, or when its cookie comes back.
struct WaitingGroups: Sendable {
  /// What the guest names a group by.
  struct Key: Hashable, Sendable {
    let pasid: PASID?
    let group: UInt16
  }

  /// The most groups that wait; a device that asks for more is answered at once.
  static let limit = 1 << 16

  private var cookies: [Key: UInt32] = [:]
  private var keys: [UInt32: Key] = [:]

  var count: Int { cookies.count }

  /// By which cookie a group waits that has this name.
  func cookie(of key: Key) -> UInt32? { cookies[key] }

  /// Notes a group; an older one of the same name or cookie is over.
  mutating func insert(_ key: Key, cookie: UInt32) -> Bool {
    if let old = keys.removeValue(forKey: cookie) { cookies[old] = nil }
    if let old = cookies.removeValue(forKey: key) { keys[old] = nil }
    guard cookies.count < Self.limit else { return false }
    cookies[key] = cookie
    keys[cookie] = key
    return true
  }

  /// Takes a group that is to be answered.
  mutating func take(_ key: Key) -> UInt32? {
    guard let cookie = cookies.removeValue(forKey: key) else { return nil }
    keys[cookie] = nil
    return cookie
  }

  /// Drops the groups of a RID or PASID, which the kernel has answered.
  mutating func dropAll(of pasid: PASID?) {
    guard !cookies.isEmpty else { return }
    for (key, cookie) in cookies where key.pasid == pasid {
      cookies[key] = nil
      keys[cookie] = nil
    }
  }

  /// Drops everything.
  mutating func removeAll() {
    cookies = [:]
    keys = [:]
  }
}
