import DeviceModels
import SoftHost
import Synchronization

/// A device model in the place where SoftHost expects one.
///
/// SoftHost calls it under its lock; the model never calls back from there.
final class ModelFunction: FunctionModel {
  let model: any DeviceModel
  private let endpoint = Mutex<Endpoint?>(nil)

  init(_ model: any DeviceModel) { self.model = model }

  /// Where the model's requests enter the host, once there is one.
  func connect(_ endpoint: Endpoint) { self.endpoint.withLock { $0 = endpoint } }

  func controlsChanged(_ controls: DMAControls) {
    // The flags have the same numbers on both sides.
    model.controlsChanged(FunctionControls(rawValue: controls.rawValue))
  }

  func reset() {
    // Work from before belongs to an epoch that ends before the reset, and what was taken up while
    // it went on to one that ends with it.
    let endpoint = endpoint.withLock { $0 }
    endpoint?.advanceEpoch()
    model.reset()
    endpoint?.advanceEpoch()
  }
}

/// One region of a model.
final class ModelRegion: RegionHandler {
  private let model: any DeviceModel
  private let index: Int

  init(_ model: any DeviceModel, _ index: Int) {
    self.model = model
    self.index = index
  }

  func read(_ byteCount: Int, at offset: UInt64, _ actions: inout RegionActions) -> UInt64 {
    model.read(byteCount, at: offset, of: index)
  }

  func write(
    _ value: UInt64, _ byteCount: Int, at offset: UInt64, _ actions: inout RegionActions
  ) {
    model.write(value, byteCount, at: offset, of: index)
  }

  func storeWide(_ words: SIMD8<UInt64>, at offset: UInt64, isAnswered: Bool) -> Bool {
    let block = WideBlock(words)
    guard !isAnswered else { return model.enqueue(block, at: offset, of: index) }
    model.store(block, at: offset, of: index)
    return true
  }

  /// The function tells the whole model.
  func reset() {}
}
