public import DeviceModels

/// What a write to config space asks of the function's host.
public struct ServedConfigEffects: Hashable, Sendable {
  /// What the function may do now, when that has changed.
  public var controls: FunctionControls?
  /// Whether the function was reset; config space is as at first already.
  ///
  /// Initiate Function Level Reset does so, and waking from D3hot without No_Soft_Reset.
  public var functionReset = false
  /// Whether a base address register has another value.
  public var barsChanged = false
  /// Whether memory decoding was turned on or off.
  public var decodeChanged = false
  /// Whether a bit that holds INTx back has changed.
  public var lineChanged = false
  /// What was written to the ROM's base address register, which is not there and keeps nothing.
  public var romProbe: UInt32?

  /// Nothing.
  public init() {}
}
