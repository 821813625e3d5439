import HostSystem
import Synchronization
import Testing

@testable import Serving

/// A terminal that can be stopped.
private final class Terminal: Sendable {
  private let text = Mutex<[String]>([])
  private let isStopped: Atomic<Bool>
  let isWaiting = Atomic(false)

  init(isStopped: Bool = false) { self.isStopped = Atomic(isStopped) }

  var lines: [String] { text.withLock { $0 } }

  func write(_ line: String) {
    while isStopped.load(ordering: .acquiring) {
      isWaiting.store(true, ordering: .releasing)
      Calls.pause(microseconds: 100)
    }
    text.withLock { $0.append(line) }
  }

  func go() { isStopped.store(false, ordering: .releasing) }
}

@Suite("Notices on a terminal")
struct LogNoticeTests {
  @Test("Trouble of a kind is said eight times, comings and goings always")
  func limits() {
    let terminal = Terminal()
    let notices = ServeNotices { terminal.write($0) }
    for _ in 0..<20 {
      notices.note(.connected("QEMU"), of: "iommu")
      notices.note(.disconnected("it closed"), of: "dsa0")
      notices.note(.note("lost"), of: "dsa0")
      notices.note(.note("lost"), of: "nic0")
      notices.note(.reset("the client"), of: "nic0")
    }
    notices.finish()
    let lines = terminal.lines
    #expect(lines.count { $0.contains("connected: QEMU") } == 20)
    #expect(lines.count { $0.contains("it closed") } == 20)
    #expect(lines.count { $0.hasPrefix("dsa0: ") && $0.contains("lost") } == 8)
    #expect(lines.count { $0.hasPrefix("nic0: ") } == 8)
    #expect(lines.count { $0.hasSuffix("(the log has more like this)") } == 2)
  }

  @Test("However often a guest boots, there is room for the first warning")
  func boots() {
    let terminal = Terminal()
    let notices = ServeNotices { terminal.write($0) }
    notices.note(.connected("QEMU"), of: "iommu")
    for _ in 0..<20 {
      notices.note(.registers("they are somewhere"), of: "iommu")
      notices.note(.registers("a driver found them"), of: "iommu")
    }
    notices.note(.note("no memory"), of: "iommu")
    notices.finish()
    #expect(terminal.lines.count { $0.hasPrefix("iommu: registers: ") } == 8)
    #expect(terminal.lines.last == "iommu: note: no memory")
  }

  @Test("A client's trouble is said again of the next one, of the same device")
  func clients() {
    let terminal = Terminal()
    let notices = ServeNotices { terminal.write($0) }
    for client in 0..<5 {
      notices.note(.connected("\(client)"), of: "iommu")
      for _ in 0..<20 {
        notices.note(.note("lost"), of: "iommu")
        notices.note(.note("lost"), of: "dsa0")
      }
    }
    notices.finish()
    #expect(terminal.lines.count { $0.hasPrefix("iommu: note: ") } == 5 * 8)
    #expect(terminal.lines.count { $0.hasPrefix("dsa0: note: ") } == 8)
  }

  @Test("A terminal that is stopped keeps nobody waiting, and is told what found no room")
  func stopped() {
    let terminal = Terminal(isStopped: true)
    let notices = ServeNotices(room: 4) { terminal.write($0) }
    notices.note(.connected("first"), of: "dsa0")
    while !terminal.isWaiting.load(ordering: .acquiring) { Calls.pause(microseconds: 100) }
    for number in 0..<10 { notices.note(.connected("\(number)"), of: "dsa0") }
    #expect(terminal.lines.isEmpty)
    terminal.go()
    notices.finish()
    #expect(terminal.lines.count == 6)
    #expect(terminal.lines.last == "6 more notices came while nobody read")
  }
}
