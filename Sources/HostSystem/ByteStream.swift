import SystemPackage

/// Reads a file, a pipe or standard input from front to back through one buffer.
public struct ByteStream: ~Copyable {
  /// Bytes that one read may take.
  public static let chunkSize = 256 * 1024

  private let descriptor: FileDescriptor
  private let path: String
  private let isOwned: Bool
  private var buffer: [UInt8]

  /// Opens a file for reading.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``HostError`` when it cannot be opened.
  public init(path: String) throws(HostError) {
    do {
      descriptor = try FileDescriptor.open(
        FilePath(path), .readOnly, options: .closeOnExec)
    } catch let error as Errno {
      throw HostError(path: path, operation: .open, errno: error)
    } catch {
      throw HostError(path: path, operation: .open, errno: .ioError)
    }
    self.path = path
    isOwned = true
    buffer = Array(repeating: 0, count: Self.chunkSize)
  }

  /// Reads standard input.
  public init() {
    descriptor = .standardInput
    path = "-"
    isOwned = false
    buffer = Array(repeating: 0, count: Self.chunkSize)
  }

  deinit {
    if isOwned { try? descriptor.close() }
  }

  /// Reads the next bytes and lends them to `body`.
  ///
  /// - Parameter body: Gets at least one byte; the span ends with the call.
  /// - Returns: `false` at the end of the file, when `body` was not called.
  /// - Throws: ``HostError`` when the read fails.
  public mutating func next(_ body: (Span<UInt8>) -> Void) throws(HostError) -> Bool {
    let count: Int
    do {
      // The buffer outlives the call, and read() writes no more than its size.
      count = try unsafe buffer.withUnsafeMutableBytes { try unsafe descriptor.read(into: $0) }
    } catch let error as Errno {
      throw HostError(path: path, operation: .read, errno: error)
    } catch {
      throw HostError(path: path, operation: .read, errno: .ioError)
    }
    guard count > 0 else { return false }
    body(buffer.span.extracting(0..<count))
    return true
  }

  /// All bytes of a file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - limit: Reading ends with the piece in which this many are reached.
  /// - Returns: Its bytes.
  /// - Throws: ``HostError`` when it cannot be read.
  public static func bytes(of path: String, limit: Int) throws(HostError) -> [UInt8] {
    var stream = try ByteStream(path: path)
    var bytes: [UInt8] = []
    while bytes.count < limit {
      let more = try stream.next { chunk in
        for index in 0..<chunk.count { bytes.append(chunk[index]) }
      }
      guard more else { break }
    }
    return bytes
  }
}
