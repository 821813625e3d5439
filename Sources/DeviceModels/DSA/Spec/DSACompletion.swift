import Hardware

/// A completion record as it takes shape.
struct DSACompletion: Hashable, Sendable {
  var status = DSAStatus.success
  /// Whether the access that faulted was a write.
  var isWriteFault = false
  var result: UInt8 = 0
  /// Bytes that were done, or descriptors of a batch.
  var completed: UInt32 = 0
  var faultAddress: UInt64 = 0
  /// The operation's own 16 bytes.
  var low: UInt64 = 0
  var high: UInt64 = 0

  /// Bytes 0 to 7, which a program waits for: they are written last.
  var firstWord: UInt64 {
    let code = status.rawValue | (isWriteFault ? DSAStatus.writeFault : 0)
    return UInt64(code) | UInt64(result) << 8 | UInt64(completed) << 32
  }
}

/// What SWERR tells of a descriptor or of the device.
struct DSASoftwareError: Hashable, Sendable {
  var status: DSAStatus
  var queue: Int?
  var opcode: UInt8?
  var identity: UInt32 = 0
  /// The place in a batch, when it was a batch's descriptor.
  var batchIndex: UInt32?
  var isWrite = false
  var invalidFlags: UInt32 = 0
  var address: UInt64 = 0

  /// The register's first three words; the fourth is zero.
  var words: (UInt64, UInt64, UInt64) {
    var first: UInt64 = 1
    if opcode != nil { first |= 1 << 2 }
    if queue != nil { first |= 1 << 3 }
    if batchIndex != nil { first |= 1 << 4 }
    if isWrite { first |= 1 << 5 }
    if identity >> 31 == 1 { first |= 1 << 6 }
    first |= UInt64(status.rawValue) << 8
    first |= UInt64(queue ?? 0) << 16
    first |= UInt64(opcode ?? 0) << 32
    first |= UInt64(identity & 0xF_FFFF) << 40
    let second = UInt64((batchIndex ?? 0) & 0xFFFF) | UInt64(invalidFlags) << 32
    return (first, second, address)
  }
}
