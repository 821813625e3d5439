extension Execution {
  /// Moves the elements that a mask chooses, in the widest aligned pieces of 1 to 8 bytes.
  static func moveMasked(
    _ move: Instruction.MaskedMove, _ address: UInt64, _ machine: inout some InstructionMachine
  ) throws(AccessProblem) {
    let mask = try machine.mask(move.mask)
    var bytes = try machine.vector(move.register)
    let isChosen = (0..<move.byteCount).map { mask >> UInt64($0 / move.elementByteCount) & 1 != 0 }
    if move.isLoad {
      for index in 0..<bytes.count {
        let isOutside = index >= move.byteCount
        if isOutside || (move.clearsOthers && !isChosen[index]) { bytes[index] = 0 }
      }
    }
    var position = 0
    while position < move.byteCount {
      guard isChosen[position] else {
        position += 1
        continue
      }
      let start = address &+ UInt64(position)
      var count = 8
      while count > 1 {
        let isWhole =
          position + count <= move.byteCount
          && isChosen[position..<position + count].allSatisfy { $0 }
        if isWhole, start % UInt64(count) == 0 { break }
        count /= 2
      }
      if move.isLoad {
        let value = try machine.load(start, count)
        for index in 0..<count {
          bytes[position + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
        }
      } else {
        let piece = bytes[position..<position + count]
        try machine.store(piece.reversed().reduce(0) { $0 << 8 | UInt64($1) }, start, count)
      }
      position += count
    }
    if move.isLoad { try machine.setVector(move.register, bytes) }
  }
}
