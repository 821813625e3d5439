/// Why a VMM's command cannot be completed.
public enum VMMCommandError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No word of the command is a QEMU.
  case unknownVMM(String)
  /// The emulator is of a machine that has no VT-d unit.
  case notPC(String)
  /// An option lacks its value.
  case valueMissing(option: String)
  /// A size of memory that cannot be read.
  case memorySize(option: String)
  /// The guest's memory is in a backend that only QEMU itself can reach.
  case privateMemory(backend: String, option: String)
  /// An option that cannot stand beside what is added; `why` says what for.
  case excluded(option: String, why: String)
  /// An id that is added is the user's already.
  case idTaken(String, option: String)
  /// A place that is to be filled is the user's already.
  case placeTaken(VMMPlace, name: String, option: String)
  /// A bridge of the user's whose bus takes the number of one behind the root ports that are added:
  /// `slot` is the last of their slots, `count` how many there are.
  case busNumbers(option: String, slot: UInt8, count: Int)
  /// Two of the served functions are to stand at the same place.
  case samePlace(VMMPlace, String, String)
  /// A device number above 31 or one behind a root port that is not 0, or a function above 7.
  case noSuchPlace(VMMPlace, String)

  /// The reason in words.
  public var description: String {
    switch self {
    case .unknownVMM(let program):
      "\(program): only QEMU's options are known; without a command, the sockets are served and "
        + "what a QEMU would need is printed"
    case .notPC(let program):
      "\(program): a VT-d unit belongs into a machine of qemu-system-x86_64"
    case .valueMissing(let option): "\(option): the value is missing"
    case .memorySize(let option): "\(option): not a size of memory such as 512M or 4G"
    case .privateMemory(let backend, let option):
      "\(option): the guest's memory '\(backend)' cannot be shared; add share=on to it"
    case .excluded(let option, let why): "\(option): \(why)"
    case .idTaken(let id, let option): "\(option): the id '\(id)' is needed for what is added"
    case .placeTaken(let place, let name, let option):
      "\(option): \(name) is to stand at \(place); use another addr, or another @BDF for what is "
        + "served"
    case .busNumbers(let option, let slot, let count):
      "\(option): firmware would give its bus a number that a served device is to have, the lowest "
        + "slots first; say bus=pcie.0 and an addr above \(VMMPlace.hex(slot)) (with bus_nr, one above "
        + "\(count)), or give the served devices places on bus 0"
    case .samePlace(let place, let first, let second):
      "\(first) and \(second) are both to stand at \(place)"
    case .noSuchPlace(let place, let name): "\(name): there is no place \(place)"
    }
  }
}
