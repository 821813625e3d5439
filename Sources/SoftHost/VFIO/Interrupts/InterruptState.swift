/// Which interrupts of a function are on, and who is told.
struct InterruptState: Sendable {
  /// The one kind that can be on at a time.
  enum Kind: UInt32, Hashable, Sendable {
    case intx = 0
    case msi = 1
    case msix = 2
  }

  /// What is on.
  var kind: Kind?
  /// One place for each vector that is allocated, or could be added.
  var vectors: [(any EventSink)?] = []
  /// INTx's sink.
  var line: (any EventSink)?
  /// Unmasks INTx when it is signalled.
  var unmask: (any EventSink)?
  /// Whether INTx is masked.
  var isLineMasked = false
  /// Whether the device asserts INTx.
  var isLineAsserted = false
  /// Whether the command register has INTx disabled.
  var isLineDisabled = false
  /// Told of device errors.
  var error: (any EventSink)?
  /// Told when the host wants the device back.
  var request: (any EventSink)?

  /// Turns INTx, MSI and MSI-X off.
  mutating func disable() {
    kind = nil
    vectors = []
    line = nil
    unmask = nil
    isLineMasked = false
  }

  /// Tells INTx's sink when the line is asserted and nothing holds it back; that masks it.
  mutating func deliverLine() {
    guard kind == .intx, isLineAsserted, !isLineMasked, !isLineDisabled else { return }
    isLineMasked = true
    line?.signal()
  }
}
