package import HostABI

/// What one case works with: a kernel, the objects it opened there, and the differences it found.
///
/// Everything that was opened or allocated through the bench is given back when the case ends, in
/// the reverse order, so that a case need not clean up after itself.
package final class Bench {
  /// What this kernel has.
  package let testbed: Testbed
  /// The kernel that is looked at.
  package var kernel: any HostKernel { testbed.kernel }
  /// What was not as expected, in the order it was found.
  package private(set) var differences: [String] = []
  /// The request that was sent last, for the message when it fails unexpectedly.
  var lastRequest = "nothing yet"

  private var descriptors: [Int32] = []
  private var memory: [(address: UInt64, byteCount: Int)] = []
  private var pasids: [(descriptor: Int32, holder: UInt32, pasid: UInt32)] = []

  init(_ testbed: Testbed) { self.testbed = testbed }

  // MARK: Expectations

  /// Notes a difference.
  package func differ(_ text: String) { differences.append(text) }

  /// Expects two values to be the same.
  package func equal<Value: Equatable>(
    _ actual: Value, _ expected: Value, _ what: @autoclosure () -> String
  ) {
    if actual != expected { differ("\(what()): expected \(expected), got \(actual)") }
  }

  /// Expects a condition to hold.
  package func holds(_ condition: Bool, _ what: @autoclosure () -> String) {
    if !condition { differ(what()) }
  }

  /// Expects a request to fail with one errno.
  package func fails<Value>(
    _ expected: LinuxErrno, _ what: @autoclosure () -> String = "",
    _ body: () throws -> Value
  ) {
    do {
      let value = try body()
      differ("\(label(what())): expected \(expected), got success (\(value))")
    } catch let error as LinuxErrno where error == expected {
    } catch {
      differ("\(label(what())): expected \(expected), got \(error)")
    }
  }

  /// Expects a request to succeed, and goes on whether or not it does.
  @discardableResult
  package func works<Value>(
    _ what: @autoclosure () -> String = "", _ body: () throws -> Value
  ) -> Value? {
    do {
      return try body()
    } catch {
      differ("\(label(what())): expected success, got \(error)")
      return nil
    }
  }

  private func label(_ what: String) -> String { what.isEmpty ? lastRequest : what }

  // MARK: Things that are given back

  /// Opens a node, to be closed at the end.
  package func open(_ path: String) throws(LinuxErrno) -> Int32 {
    lastRequest = "open \(path)"
    let descriptor = try kernel.open(path)
    descriptors.append(descriptor)
    return descriptor
  }

  /// Opens an iommufd context.
  package func context() throws(LinuxErrno) -> Context {
    Context(bench: self, descriptor: try open("/dev/iommu"))
  }

  /// Takes charge of a descriptor that a request gave.
  package func adopt(_ descriptor: Int32) { descriptors.append(descriptor) }

  /// Closes a descriptor now.
  package func close(_ descriptor: Int32) throws(LinuxErrno) {
    lastRequest = "close"
    descriptors.removeAll { $0 == descriptor }
    pasids.removeAll { $0.descriptor == descriptor }
    try kernel.close(descriptor)
  }

  /// Allocates zeroed pages that may be read and written unless told otherwise.
  package func memory(
    _ byteCount: Int, _ protection: MemoryProtection = [.read, .write]
  ) throws(LinuxErrno) -> UInt64 {
    lastRequest = "allocate"
    let address = try kernel.allocate(byteCount, protection)
    memory.append((address, byteCount))
    return address
  }

  /// An address where nothing is mapped: pages that were allocated and released again.
  package func hole(_ byteCount: Int = 4096) throws(LinuxErrno) -> UInt64 {
    let address = try kernel.allocate(byteCount, [.read, .write])
    try kernel.release(address, byteCount)
    return address
  }

  /// Gives memory back now.
  package func release(_ address: UInt64) throws(LinuxErrno) {
    guard let index = memory.firstIndex(where: { $0.address == address }) else { return }
    let item = memory.remove(at: index)
    try kernel.release(item.address, item.byteCount)
  }

  /// Puts bytes into fresh memory.
  package func stored(_ bytes: [UInt8]) throws(LinuxErrno) -> UInt64 {
    let address = try memory(max(bytes.count, 1))
    try kernel.store(bytes, address)
    return address
  }

  /// Makes a memfd that is closed at the end.
  package func memoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
    lastRequest = "memfd"
    let descriptor = try kernel.makeMemoryFile(byteCount)
    descriptors.append(descriptor)
    return descriptor
  }

  /// Makes an eventfd that is closed at the end.
  package func eventCounter() throws(LinuxErrno) -> Int32 {
    lastRequest = "eventfd"
    let descriptor = try kernel.makeEventCounter()
    descriptors.append(descriptor)
    return descriptor
  }

  /// Notes that a mock device's PASID is attached: the kernel needs it detached before the device goes.
  func note(attached pasid: UInt32, of holder: UInt32, on descriptor: Int32) {
    pasids.append((descriptor, holder, pasid))
  }

  /// Notes that it is detached again.
  func note(detached pasid: UInt32, of holder: UInt32, on descriptor: Int32) {
    pasids.removeAll { $0 == (descriptor, holder, pasid) }
  }

  /// Detaches the PASIDs that are left of a mock device, or of all of them.
  func detachPASIDs(of holder: UInt32? = nil, on descriptor: Int32? = nil) {
    for item in pasids where (holder ?? item.holder) == item.holder {
      guard (descriptor ?? item.descriptor) == item.descriptor else { continue }
      var argument = MockPASIDArgument {
        $0.operation = MockOperation.detachPASID.rawValue
        $0.id = item.holder
        $0.pasid = item.pasid
      }
      _ = try? kernel.perform(MockRequest.number, on: item.descriptor, &argument)
    }
    pasids.removeAll { (holder ?? $0.holder) == $0.holder }
  }

  /// Gives everything back.
  func finish() {
    detachPASIDs()
    for descriptor in descriptors.reversed() { try? kernel.close(descriptor) }
    for item in memory { try? kernel.release(item.address, item.byteCount) }
    descriptors = []
    memory = []
  }
}
