import DeviceModels
import PCIe

/// A function that is nothing but its config space, and memory where its regions are.
final class DumpModel: DeviceModel {
  let config: ConfigSpace
  let regions: [DeviceRegion]

  /// Makes a function that does no work.
  ///
  /// - Parameters:
  ///   - config: Its config space.
  ///   - regions: Its regions, all of them memory.
  init(_ config: ConfigSpace, regions: [DeviceRegion]) {
    self.config = config
    self.regions = regions
  }

  func connect(_ port: any DevicePort) {}
  func read(_ byteCount: Int, at offset: UInt64, of region: Int) -> UInt64 { .max }
  func write(_ value: UInt64, _ byteCount: Int, at offset: UInt64, of region: Int) {}
  func store(_ block: WideBlock, at offset: UInt64, of region: Int) {}
  func enqueue(_ block: WideBlock, at offset: UInt64, of region: Int) -> Bool { false }
  func reset() {}
  func controlsChanged(_ controls: FunctionControls) {}
  func respond(_ response: PageResponse) {}
  func serve() -> Bool { false }
}
