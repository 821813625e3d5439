package import HostABI
import HostSystem

/// A channel over a stream socket.
package final class SocketChannel: Channel {
  private let socket: ReceivedFile

  /// Takes a connected socket over.
  package init(_ socket: ReceivedFile) { self.socket = socket }

  package func receive(
    into buffer: inout [UInt8], at offset: Int, files: inout [ReceivedFile]
  ) throws(LinuxErrno) -> (byteCount: Int, isCut: Bool) {
    // Empty arrays own no memory; one is made only when descriptors come.
    var descriptors: [Int32] = []
    do throws(CallFailure) {
      let result = try Calls.receive(
        socket.descriptor, into: &buffer, at: offset, descriptors: &descriptors)
      for descriptor in descriptors { files.append(ReceivedFile(owning: descriptor)) }
      return result
    } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
  }

  package func send(
    _ bytes: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int {
    try send(bytes, tail: Span(), files)
  }

  package func send(
    _ bytes: Span<UInt8>, tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int {
    do throws(CallFailure) {
      guard !files.isEmpty else {
        return try Calls.send(socket.descriptor, bytes, tail: tail, waits: false)
      }
      return try Calls.send(
        socket.descriptor, bytes, tail: tail, descriptors: files.map(\.descriptor), waits: false)
    } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
  }

  package func waitForRoom(milliseconds: Int64) -> Bool {
    let canBeWritten: Int16 = 4
    let events = try? Calls.wait(
      socket.descriptor, for: canBeWritten, milliseconds: milliseconds)
    // An error or the end counts too: the next try to send says which.
    return events.map { $0 != 0 } ?? true
  }

  package func shutDown() { Calls.shutDown(socket.descriptor) }
}
