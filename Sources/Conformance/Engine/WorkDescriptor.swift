/// What the engine is asked to do: 64 bytes that are written to a portal.
struct WorkDescriptor: Hashable {
  enum Operation: UInt32 {
    case none = 0
    case move = 3
  }

  var operation: Operation
  /// The PASID that requests carry if the queue is shared.
  var pasid: UInt32 = 0
  var record: UInt64
  var source: UInt64 = 0
  var destination: UInt64 = 0
  var byteCount: UInt32 = 0
  /// The MSI-X vector that tells of the completion; `nil` for none.
  var vector: UInt16?
  /// Whether the engine asks for pages that are missing, and waits for them.
  var blocks = false

  /// The bytes of the portal.
  ///
  /// The flags ask for a completion record at a valid address, and perhaps for an interrupt.
  var bytes: [UInt8] {
    let flags: UInt32 =
      1 << 2 | 1 << 3 | (blocks ? 1 << 1 : 0) | (vector == nil ? 0 : 1 << 4)
    let head = pasid.littleEndianBytes + (flags | operation.rawValue << 24).littleEndianBytes
    let addresses = [record, source, destination].flatMap(\.littleEndianBytes)
    let tail = byteCount.littleEndianBytes + (vector ?? 0).littleEndianBytes
    let known = head + addresses + tail
    return known + [UInt8](repeating: 0, count: 64 - known.count)
  }
}

/// What the engine tells of a descriptor: 32 bytes that it writes into memory.
struct CompletionRecord: Hashable {
  static let byteCount = 32

  /// 0 as long as nothing was written.
  var status: UInt8
  var bytesCompleted: UInt32
  var faultAddress: UInt64

  init(_ bytes: [UInt8]) {
    status = bytes.little(UInt8.self, at: 0)
    bytesCompleted = bytes.little(UInt32.self, at: 4)
    faultAddress = bytes.little(UInt64.self, at: 8)
  }

  var isSuccess: Bool { status == 1 }

  /// A page that was not there or was refused, or a translation that failed; whether it was for
  /// writing.
  var fault: (isWrite: Bool, address: UInt64)? {
    switch status & 0x7F {
    case 0x03, 0x04, 0x22: (status & 0x80 != 0, faultAddress)
    default: nil
    }
  }
}

/// An error without a completion record, as the device's register for software errors holds it.
struct SoftwareError: Hashable {
  var isValid: Bool
  var isWrite: Bool
  /// 0x1A: the address of a completion record cannot be translated.
  var code: UInt8
  var queue: UInt8
  var pasid: UInt32
  var address: UInt64

  init(_ first: UInt64, address: UInt64) {
    isValid = first & 1 != 0
    isWrite = first & 1 << 5 != 0
    code = UInt8(truncatingIfNeeded: first >> 8)
    queue = UInt8(truncatingIfNeeded: first >> 16)
    pasid = UInt32(truncatingIfNeeded: first >> 40) & 0xF_FFFF
    self.address = address
  }
}
