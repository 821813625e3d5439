package import HostABI

/// The rules of the token that guards virtual functions, which binding asks for.
package enum FunctionToken {
  /// Whose token counts when a function is bound.
  package enum Guardian: Hashable, Sendable {
    /// Nobody's: neither a physical function nor a virtual one whose physical one is on vfio-pci.
    case none
    /// A virtual function whose physical one, on vfio-pci, has this token.
    case physicalFunction([UInt8])
    /// A physical function itself, with the token that it has now.
    case itself([UInt8], hasOpenFunctions: Bool)
  }

  /// Checks the token that a program binds with.
  ///
  /// - Parameters:
  ///   - given: The 16 bytes, if any.
  ///   - guardian: Whose token counts.
  /// - Returns: The token that the physical function has from now on, when it changes.
  /// - Throws: `EINVAL` for a token where none counts, `EACCES` for a wrong or missing one.
  package static func check(
    _ given: [UInt8]?, _ guardian: Guardian
  ) throws(LinuxErrno) -> [UInt8]? {
    switch guardian {
    case .none:
      guard given == nil else { throw .EINVAL }
      return nil
    case .physicalFunction(let token), .itself(let token, hasOpenFunctions: true):
      guard given == token else { throw .EACCES }
      return nil
    case .itself(_, hasOpenFunctions: false): return given
    }
  }
}
