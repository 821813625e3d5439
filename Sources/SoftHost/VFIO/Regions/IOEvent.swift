/// A write to a region that an event stands for.
struct IOEvent: Sendable {
  let bar: Int
  let position: UInt64
  let data: UInt64
  let byteCount: Int
  let sink: any EventSink
}
