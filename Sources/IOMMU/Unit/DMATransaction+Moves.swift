public import Hardware

/// How far a move of bytes came.
public struct DMAOutcome: Hashable, Sendable {
  /// What ended it early.
  public enum Obstacle: Hashable, Sendable {
    /// An address has no translation.
    case fault(TranslationFault)
    /// A page is in a space that nobody answers for, or that refused.
    case unreachable(HostAddress)
  }

  /// How many bytes were moved, from the start on.
  public let byteCount: Int
  /// What ended it early; `nil` when all bytes were moved.
  public let obstacle: Obstacle?

  /// Describes how far a move came.
  ///
  /// - Parameters:
  ///   - byteCount: How many bytes were moved.
  ///   - obstacle: What ended it early.
  public init(byteCount: Int, obstacle: Obstacle? = nil) {
    self.byteCount = byteCount
    self.obstacle = obstacle
  }
}

extension DMATransaction {
  /// Reads memory as a device does: page by page, until done or refused.
  ///
  /// - Parameters:
  ///   - iova: Where the first byte is; addresses wrap at 2^64.
  ///   - buffer: What is filled, from the start.
  ///   - access: What is asked for besides reading: execution or privilege.
  ///   - context: Whose request it is.
  /// - Returns: How far it came.
  public func read(
    from iova: IOVA, into buffer: inout MutableSpan<UInt8>, _ access: DMAAccess = [],
    for context: borrowing TranslationContext
  ) -> DMAOutcome {
    let total = buffer.count
    var done = 0
    while done < total {
      let at = IOVA(iova.rawValue &+ UInt64(done))
      let count = min(total &- done, Int(4096 &- (at.rawValue & 0xFFF)))
      switch translate(at, access.union(.read), for: context) {
      case .fault(let fault): return DMAOutcome(byteCount: done, obstacle: .fault(fault))
      case .success(let page):
        if page.address.isDirect {
          HostMemory.copy(count, from: page.address.address, to: &buffer, at: done)
        } else {
          var part = buffer._mutatingExtracting(done..<done + count)
          guard let foreign = self.foreign, foreign.read(from: page.address, into: &part) else {
            return DMAOutcome(byteCount: done, obstacle: .unreachable(page.address))
          }
        }
      }
      done &+= count
    }
    return DMAOutcome(byteCount: done, obstacle: nil)
  }

  /// Writes memory as a device does: page by page, until done or refused.
  ///
  /// - Parameters:
  ///   - iova: Where the first byte goes; addresses wrap at 2^64.
  ///   - buffer: The bytes.
  ///   - access: What is asked for besides writing: privilege.
  ///   - context: Whose request it is.
  /// - Returns: How far it came.
  public func write(
    to iova: IOVA, from buffer: Span<UInt8>, _ access: DMAAccess = [],
    for context: borrowing TranslationContext
  ) -> DMAOutcome {
    let total = buffer.count
    var done = 0
    while done < total {
      let at = IOVA(iova.rawValue &+ UInt64(done))
      let count = min(total &- done, Int(4096 &- (at.rawValue & 0xFFF)))
      switch translate(at, access.union(.write), for: context) {
      case .fault(let fault): return DMAOutcome(byteCount: done, obstacle: .fault(fault))
      case .success(let page):
        if page.address.isDirect {
          HostMemory.copy(count, from: buffer, at: done, to: page.address.address)
        } else {
          let part = buffer.extracting(done..<done + count)
          guard let foreign = self.foreign, foreign.write(to: page.address, from: part) else {
            return DMAOutcome(byteCount: done, obstacle: .unreachable(page.address))
          }
        }
      }
      done &+= count
    }
    return DMAOutcome(byteCount: done, obstacle: nil)
  }

  /// Copies memory to memory, as a copy engine does.
  ///
  /// Pieces go from the lowest address up; within a piece, bytes that overlap are copied right.
  ///
  /// - Parameters:
  ///   - byteCount: How many bytes; less than zero is a bug and traps.
  ///   - source: Where the first byte is.
  ///   - reader: Whose request the reading is.
  ///   - target: Where the first byte goes.
  ///   - writer: Whose request the writing is.
  ///   - access: What is asked for besides reading and writing: privilege.
  /// - Returns: How far it came. An obstacle of the source is told before one of the target.
  public func copy(
    _ byteCount: Int, from source: IOVA, of reader: borrowing TranslationContext,
    to target: IOVA, of writer: borrowing TranslationContext, _ access: DMAAccess = []
  ) -> DMAOutcome {
    precondition(byteCount >= 0, "a copy has no negative length")
    var done = 0
    while done < byteCount {
      let from = IOVA(source.rawValue &+ UInt64(done))
      let to = IOVA(target.rawValue &+ UInt64(done))
      let left = min(4096 &- (from.rawValue & 0xFFF), 4096 &- (to.rawValue & 0xFFF))
      let count = min(byteCount &- done, Int(left))
      let (input, output): (HostAddress, HostAddress)
      switch translate(from, access.union(.read), for: reader) {
      case .fault(let fault): return DMAOutcome(byteCount: done, obstacle: .fault(fault))
      case .success(let page): input = page.address
      }
      switch translate(to, access.union(.write), for: writer) {
      case .fault(let fault): return DMAOutcome(byteCount: done, obstacle: .fault(fault))
      case .success(let page): output = page.address
      }
      if input.isDirect && output.isDirect {
        HostMemory.copy(count, from: input.address, to: output.address)
      } else if let obstacle = copyForeign(count, input, output) {
        return DMAOutcome(byteCount: done, obstacle: .unreachable(obstacle))
      }
      done &+= count
    }
    return DMAOutcome(byteCount: done, obstacle: nil)
  }

  /// Copies within one page of each side through a buffer.
  ///
  /// - Returns: The address that could not be reached.
  private func copyForeign(
    _ count: Int, _ source: HostAddress, _ target: HostAddress
  ) -> HostAddress? {
    var page = [UInt8](repeating: 0, count: count)
    var bytes = page.mutableSpan
    if source.isDirect {
      HostMemory.copy(count, from: source.address, to: &bytes, at: 0)
    } else {
      guard let foreign = self.foreign, foreign.read(from: source, into: &bytes) else {
        return source
      }
    }
    if target.isDirect {
      HostMemory.copy(count, from: bytes.span, at: 0, to: target.address)
    } else {
      guard let foreign = self.foreign, foreign.write(to: target, from: bytes.span) else {
        return target
      }
    }
    return nil
  }
}
