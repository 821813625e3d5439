#if os(Linux)
  internal import HostSystem

  /// The processes below this one.
  enum Descendants {
    private static let noHang: Int32 = 1
    private static let kill: Int32 = 9

    /// Ends every process below this one, also those that were left by their parents, and reaps it.
    ///
    /// For a process that adopts orphans and has one thread. Whoever is met is killed with
    /// everything below; what was made in between becomes a child of this process and is met in the
    /// next round.
    ///
    /// - Parameter reaped: Gets each direct child's number and status.
    static func endAll(_ reaped: (Int32, Int32) -> Void) {
      while true {
        endBelow(Calls.ownProcess, depth: 0)
        // One has to end before there is something new to look at; the others are taken as well.
        var options: Int32 = 0
        while true {
          do throws(CallFailure) {
            guard let child = try Calls.reap(-1, options: options) else { break }
            reaped(child.process, child.status)
          } catch {
            return
          }
          options = noHang
        }
      }
    }

    private static func endBelow(_ process: Int32, depth: Int) {
      // Deeper ones come up to this process when those above them end.
      guard depth < 64 else { return }
      for child in children(of: process) {
        endBelow(child, depth: depth + 1)
        try? Calls.signal(child, kill)
      }
    }

    private static func children(of process: Int32) -> [Int32] {
      let threads = (try? Folder.names(in: "/proc/\(process)/task")) ?? []
      return threads.flatMap { thread in
        let text = (try? Calls.contents("/proc/\(process)/task/\(thread)/children")) ?? []
        return String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
      }
    }
  }
#endif
