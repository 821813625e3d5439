/// Devices and a unit that are served, as a command runs them.
package protocol ServingMachine: Sendable {
  /// What a VMM is to be given.
  var plan: VMMPlan { get }
  /// What is served, for the names in a log.
  var functions: [LoggedFunction] { get }

  /// Makes the sockets, and lets clients connect.
  ///
  /// - Throws: What could not be had, in words for an operator.
  func start() throws
  /// How everything stands; from any thread.
  func status() -> ServeStatus
  /// Ends all connections and takes the sockets away; returns when nothing is at work any more.
  func stop()
}
