import Hardware

/// The checks of a descriptor before anything is done, in their order.
extension DSAJob {
  /// Why the current descriptor is refused; `invalid` gets the flags that are.
  func refusal(_ options: DSAOptions, invalid: inout UInt32) -> DSAStatus? {
    let descriptor = current
    if !configuration.isDedicated, descriptor.isPrivileged, !allowsPrivileged { return .privilege }
    guard let operation = DSAOperation(rawValue: descriptor.opcode),
      operation != .batch || batch == nil && options.maxBatchShift > 0
    else { return .unsupportedOperation }
    var allowed = operation.allowedFlags
    if !configuration.allowsBlocking { allowed.remove(.blockOnFault) }
    var wrong = descriptor.flags.subtracting(allowed)
    // A record cannot be asked for without an address for it.
    if !descriptor.flags.contains(.recordAddressValid) {
      wrong.formUnion(descriptor.flags.intersection(.requestRecord))
    }
    guard wrong.isEmpty else {
      invalid = wrong.rawValue
      return .invalidFlags
    }
    guard descriptor.identity & 0x7FF0_0000 == 0, descriptor.reservedHalf == 0 else {
      return .reservedField
    }
    for word in 2..<8 where operation.reservedWords >> UInt8(word) & 1 == 1 {
      guard descriptor.operationWord(word) == 0 else { return .reservedField }
    }
    if operation.movesBytes {
      guard descriptor.count > 0,
        UInt64(descriptor.count) <= 1 << UInt64(configuration.maxTransferShift)
      else { return .transferSize }
    }
    if descriptor.flags.contains(.requestInterrupt), !allows(descriptor.interruptHandle) {
      return .interruptHandle
    }
    return refusal(operation)
  }

  /// The operation's own checks.
  private func refusal(_ operation: DSAOperation) -> DSAStatus? {
    let count = UInt64(current.count)
    let (source, target) = (current.source.rawValue, current.target.rawValue)
    switch operation {
    case .batch:
      guard current.count >= 2, count <= 1 << UInt64(configuration.maxBatchShift) else {
        return .descriptorCount
      }
      return source & 63 == 0 ? nil : .listMisaligned
    case .createDelta:
      guard count <= 0x8_0000, count & 7 == 0 else { return .transferSize }
      guard (source | target | current.secondTarget.rawValue) & 7 == 0 else {
        return .addressMisaligned
      }
      let room = current.maxDeltaSize
      guard room >= 80, room % 10 == 0 else { return .deltaSize }
      let record = current.secondTarget.rawValue
      let meets =
        Self.overlap(record, UInt64(room), source, count)
        || Self.overlap(record, UInt64(room), target, count)
      return meets ? .overlap : nil
    case .applyDelta:
      guard count <= 0x8_0000, count & 7 == 0 else { return .transferSize }
      guard (source | target) & 7 == 0 else { return .addressMisaligned }
      let size = current.deltaSize
      guard size > 0, size % 10 == 0, UInt64(size) <= count / 8 * 10 else { return .deltaSize }
      return Self.overlap(source, UInt64(size), target, count) ? .overlap : nil
    case .dualcast:
      let second = current.secondTarget.rawValue
      guard (target ^ second) & 0xFFF == 0 else { return .dualcastAddresses }
      let meets =
        Self.overlap(source, count, target, count) || Self.overlap(source, count, second, count)
        || Self.overlap(target, count, second, count)
      return meets ? .overlap : nil
    case .copyWithChecksum:
      return Self.overlap(source, count, target, count) ? .overlap : nil
    case .noOperation, .drain, .memoryMove, .fill, .compare, .comparePattern, .checksum,
      .cacheFlush:
      return nil
    }
  }

  /// Whether two stretches of addresses, which wrap at 2^64, share a byte.
  static func overlap(_ a: UInt64, _ aCount: UInt64, _ b: UInt64, _ bCount: UInt64) -> Bool {
    a &- b < bCount || b &- a < aCount
  }
}
