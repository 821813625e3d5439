import ArgumentParser
import Conformance
import HostSystem
import LinuxHost
import SystemPackage

/// The program that `passage host` runs when nobody names one: a driver of the accelerator.
///
/// It is this executable in a process of its own, and knows no more of the host than any other
/// program: what it asks goes through system calls.
struct BuiltInDriver: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drive-accelerator",
    abstract: "Drive the first DSA of this machine through VFIO, with PASIDs.",
    shouldDisplay: false)

  /// How this executable is started as the driver.
  static func command() -> [String] {
    var path = CommandLine.arguments[0]
    #if os(Linux)
      // The first argument may be a name that only a search along PATH leads to.
      if let own = try? Calls.target(of: "/proc/self/exe") { path = own }
    #endif
    return [path, configuration.commandName ?? ""]
  }

  func run() throws {
    #if os(Linux)
      try drive()
    #else
      throw ValidationError("devices of VFIO are on Linux only")
    #endif
  }

  #if os(Linux)
    private func drive() throws {
      var sink = ByteSink(.standardOutput)
      try sink.write(
        """
        A driver of an accelerator, process \(Calls.ownNumber). It opens /dev/iommu and \
        /dev/vfio/devices/vfio0, gives each
        PASID memory of its own at the same addresses, and lets the device copy there.


        """)
      try sink.flush()
      let nodes = (0..<16).map { "/dev/vfio/devices/vfio\($0)" }
      do {
        let run = try EngineRun(on: LinuxKernel(), paths: nodes, pasidCount: 4) { line in
          // Whoever closes the pipe has seen enough; the run goes on and gives its status.
          try? sink.write(line + "\n")
          try? sink.flush()
        }
        try sink.write(run.closingLine + "\n")
        try sink.flush()
        if !run.isGood { throw ExitStatus.stepFailed }
      } catch let absence as EngineAbsence {
        try sink.write("not driven: \(absence)\n")
        try sink.flush()
        throw ExitStatus.stepFailed
      }
    }
  #endif
}
