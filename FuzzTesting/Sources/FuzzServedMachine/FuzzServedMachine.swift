import CFuzzer
import FuzzEntries

/// SwiftPM's name for the main function of this program.
@_cdecl("FuzzServedMachine_main")
public func run(
  _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
  var (count, arguments) = unsafe (count, arguments)
  return unsafe LLVMFuzzerRunDriver(&count, &arguments) { start, count in
    FuzzTarget.servedMachine.run(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
  }
}
