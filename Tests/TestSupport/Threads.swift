import Dispatch
import HostSystem

/// Runs a piece of work on several threads of the system at once, and waits until all are over.
///
/// They are threads of their own, not workers of a pool: one may wait for what another does on
/// a machine with one processor, or when every worker of the pools is taken.
///
/// - Parameters:
///   - count: How many threads.
///   - work: What each does; it is told which of them it is, from 0 on.
public func onThreads(_ count: Int, _ work: @Sendable (Int) -> Void) {
  // The threads are joined before the work ends, and have let go of it then.
  withoutActuallyEscaping(work) { work in
    let group = DispatchGroup()
    let threads = (0..<count).map { index in
      group.enter()
      return ServiceThread {
        work(index)
        group.leave()
        return false
      }
    }
    for thread in threads { thread.poke() }
    group.wait()
    for thread in threads { thread.stop() }
  }
}
