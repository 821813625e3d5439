/// What an eventfd is to a function: something that is told of an event.
///
/// Called while the function is being changed: it must not call back.
package protocol EventSink: AnyObject, Sendable {
  /// Adds one to the count.
  func signal()

  /// Whether the count is not zero now.
  var isSignalled: Bool { get }
}
