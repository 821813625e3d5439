/// What a side of a connection can do, as its version message says.
public struct UserCapabilities: Hashable, Sendable {
  /// Descriptors that it takes in one message; 1 when it does not say.
  public var maximumDescriptors: UInt64?
  /// Bytes that one message may move; 1,048,576 when it does not say.
  public var maximumTransfer: UInt64?
  /// Mappings at a time; 65,535 when it does not say.
  public var maximumMappings: UInt64?
  /// Page sizes of mappings, one bit each; 4,096 alone when it does not say.
  public var pageSizes: UInt64?
  /// Whether it has ``UserCommand/regionWriteMany``.
  public var canWriteMany: Bool?
  /// The page size of dirty tracking, for a side that can migrate.
  public var migrationPageSize: UInt64?
  /// Bytes that a bitmap of dirty pages may have, for a side that can migrate.
  public var maximumBitmap: UInt64?
  /// Whether it can take commands of the server over a socket of their own.
  public var hasTwinSocket: Bool?

  /// Nothing is said.
  public init() {}

  /// The version data: a JSON object, and a zero at its end.
  ///
  /// - Returns: The bytes.
  public func encoded() -> [UInt8] {
    var members: [String] = []
    func add(_ name: String, _ value: UInt64?) {
      if let value { members.append("\"\(name)\":\(value)") }
    }
    add("max_msg_fds", maximumDescriptors)
    add("max_data_xfer_size", maximumTransfer)
    add("max_dma_maps", maximumMappings)
    add("pgsizes", pageSizes)
    if let canWriteMany { members.append("\"write_multiple\":\(canWriteMany)") }
    if let migrationPageSize {
      let bitmap = maximumBitmap.map { ",\"max_bitmap_size\":\($0)" } ?? ""
      members.append("\"migration\":{\"pgsize\":\(migrationPageSize)\(bitmap)}")
    }
    if let hasTwinSocket {
      members.append("\"twin_socket\":{\"supported\":\(hasTwinSocket)}")
    }
    return Array("{\"capabilities\":{\(members.joined(separator: ","))}}".utf8) + [0]
  }

  /// Reads version data.
  ///
  /// Names that are not known are passed over; a known one with a value of another kind is wrong.
  ///
  /// - Parameter bytes: The bytes behind the version, with the zero at their end; none for nothing.
  /// - Throws: ``SmallJSON/Problem``.
  public init(_ bytes: Span<UInt8>) throws(SmallJSON.Problem) {
    self.init()
    guard bytes.count > 0 else { return }
    guard bytes[bytes.count - 1] == 0 else { throw .end }
    let value = try SmallJSON.read(bytes.extracting(0..<(bytes.count - 1)))
    guard case .object(let top) = value else { throw .kind("version data") }
    guard let capabilities = top["capabilities"] else { return }
    guard case .object(let members) = capabilities else { throw .kind("capabilities") }
    maximumDescriptors = try Self.number("max_msg_fds", members)
    maximumTransfer = try Self.number("max_data_xfer_size", members)
    maximumMappings = try Self.number("max_dma_maps", members)
    pageSizes = try Self.number("pgsizes", members)
    canWriteMany = try Self.truth("write_multiple", members)
    if let migration = members["migration"] {
      guard case .object(let members) = migration else { throw .kind("migration") }
      migrationPageSize = try Self.number("pgsize", members)
      maximumBitmap = try Self.number("max_bitmap_size", members)
    }
    if let twin = members["twin_socket"] {
      guard case .object(let members) = twin else { throw .kind("twin_socket") }
      hasTwinSocket = try Self.truth("supported", members) ?? false
    }
  }

  private static func number(
    _ name: String, _ members: [String: SmallJSON]
  ) throws(SmallJSON.Problem) -> UInt64? {
    guard let value = members[name] else { return nil }
    guard case .number(let number) = value else { throw .kind(name) }
    return number
  }

  private static func truth(
    _ name: String, _ members: [String: SmallJSON]
  ) throws(SmallJSON.Problem) -> Bool? {
    guard let value = members[name] else { return nil }
    guard case .truth(let truth) = value else { throw .kind(name) }
    return truth
  }
}
