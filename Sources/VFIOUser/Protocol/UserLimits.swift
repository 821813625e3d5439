/// Sizes that this side of a connection keeps to.
enum UserLimits {
  /// Bytes that one message may move, as told in `max_data_xfer_size`.
  static let transfer = 1 << 20
  /// Bytes that a message may have at most: a transfer, its header and the fixed part of a payload.
  static let message = transfer + 4096
  /// Descriptors that one message may carry, as told in `max_msg_fds`.
  static let descriptors = 16
  /// The smallest page of a mapping.
  static let pageSize: UInt64 = 4096
  /// Page sizes of dirty tracking.
  static let migrationPageSize: UInt64 = 4096
}
