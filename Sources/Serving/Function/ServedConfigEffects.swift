public import DeviceModels

/// What a write to config space asks of the function's host.
public struct ServedConfigEffects: Hashable, Sendable {
  /// What the function may do now, when that has changed.
  public var controls: FunctionControls?
  /// Whether the function was reset; config space is as at first already.
  ///
  /// Initiate Function Level Reset does so, and waking from D3hot without No_Soft_Reset.
  public var functionReset = false

  /// Nothing.
  public init() {}
}
