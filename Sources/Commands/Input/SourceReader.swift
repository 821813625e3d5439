import Hardware
import HostSystem
import PCIe

/// Reads one source: finds out what its bytes are and hands on the devices in them.
struct SourceReader: ~Copyable {
  /// What the bytes turned out to be.
  private enum Mode {
    /// Too few bytes yet; they are kept.
    case undecided([UInt8])
    case text(DumpTextReader)
    case survey(LineSplitter)
    /// Nothing that can be used; the rest is not looked at.
    case spent
  }

  /// Bytes that are needed to tell: one more than the largest config space.
  private static let needed = ConfigSpace.extendedSize + 1

  private let source: String
  private let address: PCIAddress?
  private let mustHaveDevice: Bool
  private let handler: any SourceHandler
  private var mode = Mode.undecided([])
  private(set) var devices = 0
  private var bytes = 0
  /// Bytes without a device in them after which a source is given up.
  private static let patience = 256 << 20

  /// Prepares to read.
  ///
  /// - Parameters:
  ///   - source: What to call the source.
  ///   - address: The address of a binary config space.
  ///   - mustHaveDevice: Whether a source without a device is a problem.
  ///   - handler: Gets what is found.
  init(
    source: String, address: PCIAddress?, mustHaveDevice: Bool, handler: any SourceHandler
  ) {
    self.source = source
    self.address = address
    self.mustHaveDevice = mustHaveDevice
    self.handler = handler
  }

  /// Reads all of a stream.
  ///
  /// - Parameter stream: The stream.
  /// - Throws: ``HostError`` when reading fails; what came before has been handed on.
  mutating func read(_ stream: inout ByteStream) throws(HostError) {
    while !isSpent {
      // The closure cannot capture self while it is being mutated, so the mode travels.
      var mode = self.mode
      self.mode = .spent
      var devices = self.devices
      var taken = 0
      let more = try stream.next { chunk in
        taken = chunk.count
        Self.consume(chunk, &mode, &devices, source, handler)
      }
      self.mode = mode
      self.devices = devices
      bytes += taken
      if !more || (devices == 0 && bytes > Self.patience) { break }
    }
    finish()
  }

  private var isSpent: Bool { if case .spent = mode { true } else { false } }

  private static func consume(
    _ chunk: Span<UInt8>, _ mode: inout Mode, _ devices: inout Int, _ source: String,
    _ handler: any SourceHandler
  ) {
    switch mode {
    case .undecided(var kept):
      for index in chunk.indices { kept.append(chunk[index]) }
      mode = .undecided(kept)
      if kept.count >= needed { decide(kept, &mode, &devices, source, handler) }
    case .text(var reader):
      mode = .spent
      reader.consume(chunk) { hand($0, &devices, source, handler) }
      mode = .text(reader)
    case .survey(var splitter):
      mode = .spent
      splitter.consume(chunk) { hand($0, $1, $2, &devices, source, handler) }
      mode = .survey(splitter)
    case .spent: break
    }
  }

  /// Takes the bytes as text or survey lines.
  private static func decide(
    _ kept: [UInt8], _ mode: inout Mode, _ devices: inout Int, _ source: String,
    _ handler: any SourceHandler
  ) {
    let first = kept.first { $0 != 0x20 && !(0x09...0x0D).contains($0) }
    mode = first == UInt8(ascii: "{") ? .survey(LineSplitter()) : .text(DumpTextReader())
    consume(kept.span, &mode, &devices, source, handler)
  }

  private mutating func finish() {
    if case .undecided(let kept) = mode {
      if kept.looksBinary {
        do {
          let config = try ConfigSpace(kept)
          devices += 1
          handler.device(LoadedDevice(address: address, source: source, config: config))
        } catch {
          if mustHaveDevice { handler.problem(.binary(source: source, error)) }
        }
        return
      }
      Self.decide(kept, &mode, &devices, source, handler)
    }
    switch mode {
    case .text(var reader):
      reader.finish { Self.hand($0, &devices, source, handler) }
    case .survey(var splitter):
      splitter.finish { Self.hand($0, $1, $2, &devices, source, handler) }
    case .undecided, .spent: break
    }
    if devices == 0, mustHaveDevice { handler.problem(.nothing(source: source)) }
  }

  private static func hand(
    _ event: DumpEvent, _ devices: inout Int, _ source: String, _ handler: any SourceHandler
  ) {
    switch event {
    case .device(let device):
      devices += 1
      handler.device(
        LoadedDevice(
          address: device.address, source: source, line: device.line, title: device.title,
          config: device.config))
    case .skipped(let address, let line):
      handler.note(
        "\(source): line \(line): \(address) has no bytes and is left out: dump it with lspci -xxxx"
      )
    case .error(let error):
      devices += 1
      handler.problem(.dump(source: source, error))
    }
  }

  private static func hand(
    _ bytes: Span<UInt8>, _ kind: LineSplitter.Line, _ line: Int, _ devices: inout Int,
    _ source: String, _ handler: any SourceHandler
  ) {
    switch kind {
    case .tooLong:
      devices += 1
      handler.problem(.longLine(source: source, line: line, limit: LineSplitter.limit))
    case .whole where bytes.count > 0:
      devices += 1
      handler.surveyLine(bytes, source: source, line: line)
    case .whole: break
    }
  }
}

extension [UInt8] {
  /// Whether the bytes cannot be text: a NUL or another control byte, or one that UTF-8 never has.
  fileprivate var looksBinary: Bool {
    contains { $0 < 0x09 || $0 >= 0xF8 }
  }
}
