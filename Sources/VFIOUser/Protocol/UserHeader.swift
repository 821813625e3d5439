import Hardware

/// The header that begins each message: 16 bytes, little-endian.
public struct UserHeader: Hashable, Sendable {
  /// Bytes of a header.
  public static let byteCount = 16

  /// The sender's number for the message, which the reply repeats.
  public var id: UInt16
  /// What the message asks for.
  public var command: UserCommand
  /// Bytes of the whole message.
  public var byteCount: UInt32
  /// Bits 3:0 type, 4 no reply, 5 error.
  public var flags: UInt32
  /// The errno of a reply that says error; may be zero even then.
  public var error: UInt32

  /// Makes a header.
  ///
  /// - Parameters:
  ///   - id: The sender's number for the message.
  ///   - command: What the message asks for.
  ///   - byteCount: Bytes of the whole message.
  ///   - flags: Bits 3:0 type, 4 no reply, 5 error.
  ///   - error: The errno of a reply that says error.
  public init(
    id: UInt16, command: UserCommand, byteCount: Int, flags: UInt32 = 0, error: UInt32 = 0
  ) {
    self.id = id
    self.command = command
    self.byteCount = UInt32(truncatingIfNeeded: byteCount)
    self.flags = flags
    self.error = error
  }

  /// Reads a header.
  ///
  /// - Parameters:
  ///   - bytes: The bytes; `nil` comes of fewer than 16.
  ///   - offset: Where the header starts.
  public init?(_ bytes: Span<UInt8>, at offset: Int = 0) {
    guard let low = bytes.little(UInt64.self, at: offset),
      let high = bytes.little(UInt64.self, at: offset + 8)
    else { return nil }
    id = UInt16(truncatingIfNeeded: low)
    command = UserCommand(rawValue: UInt16(truncatingIfNeeded: low >> 16))
    byteCount = UInt32(truncatingIfNeeded: low >> 32)
    flags = UInt32(truncatingIfNeeded: high)
    error = UInt32(truncatingIfNeeded: high >> 32)
  }

  /// Writes the header into the first 16 bytes; fewer trap.
  ///
  /// - Parameter bytes: Where it goes.
  public func write(into bytes: inout MutableSpan<UInt8>) {
    bytes.storeLittle(
      UInt64(id) | UInt64(command.rawValue) << 16 | UInt64(byteCount) << 32, at: 0)
    bytes.storeLittle(UInt64(flags) | UInt64(error) << 32, at: 8)
  }
}

extension UserHeader {
  /// Which of the two a message is.
  public var type: UInt32 { flags & 0xF }
  /// Whether the message asks for something.
  public var isCommand: Bool { type == 0 }
  /// Whether the message answers one.
  public var isReply: Bool { type == 1 }
  /// Whether a command wants no reply.
  public var wantsNoReply: Bool { flags & Self.noReply != 0 }
  /// Whether a reply tells of an error.
  public var hasError: Bool { flags & Self.failed != 0 }

  /// The flag of replies.
  public static let reply: UInt32 = 1
  /// The flag of commands that want no reply.
  public static let noReply: UInt32 = 0x10
  /// The flag of replies that tell of an error.
  public static let failed: UInt32 = 0x20
}
