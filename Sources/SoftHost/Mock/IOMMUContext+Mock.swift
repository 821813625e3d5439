import HostABI

extension IOMMUContext {
  /// Answers a mock-device request.
  func mockRequest(_ call: Call) throws(LinuxErrno) -> Int32 { throw .EOPNOTSUPP }
}
