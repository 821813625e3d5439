import VFIOUser

/// Tells of a socket's life.
struct ServerTrace: UserServerObserver {
  private let name: String
  private let trace: any ServeTrace

  init(_ name: String, _ trace: any ServeTrace) {
    self.name = name
    self.trace = trace
  }

  func note(_ event: UserServerEvent) {
    fatalError()
  }
}
