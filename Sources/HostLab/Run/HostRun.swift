import HostSystem
import IOMMU
import PCIe
import SoftHost
import SystemPackage

/// A program on a software host, from its start to its end.
package enum HostRun {
  /// Runs a program.
  ///
  /// The process must have one thread. What is wrong with the machine or the description is said on
  /// standard error.
  ///
  /// - Parameter options: What to run, and on which host.
  /// - Returns: The program's exit status, 128 and the signal's number when one ended it; 125 when the
  ///   host could not be made, 126 and 127 when the program cannot be run or found.
  package static func run(_ options: HostRunOptions) -> Int32 {
    #if os(Linux)
      do {
        return try SupervisedRun(options).run()
      } catch let error as LaunchError {
        complain("\(error)")
        return error.exitStatus
      } catch {
        complain("\(error)")
        return 125
      }
    #else
      complain("a program can be supervised on Linux only")
      return 125
    #endif
  }

  static func complain(_ text: String) {
    var sink = ByteSink(.standardError)
    try? sink.write("passage host: \(text)\n")
    try? sink.flush()
  }
}
