import HostABI
import Hardware

extension UserDispatcher {
  func putBitmap(
    _ payload: Span<UInt8>, at place: Int, _ range: ClosedRange<UInt64>, room: Int
  ) throws(Refusal) -> Int { throw Refusal(.EOPNOTSUPP, "writes cannot be tracked") }
  func dirtyPages(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    throw Refusal(.EOPNOTSUPP, "writes cannot be tracked")
  }
  func feature(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    throw Refusal(.ENOTTY, "there is no such feature")
  }
  func readMigrationData(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    throw Refusal(.EOPNOTSUPP, "there is no migration")
  }
  func writeMigrationData(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    throw Refusal(.EOPNOTSUPP, "there is no migration")
  }
}
