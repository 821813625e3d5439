import ArgumentParser
import Hardware
import PCIe
import Placement

/// An offset as users write it: `0xff8` or `4088`.
struct OffsetArgument: ExpressibleByArgument {
  let value: Int

  init?(argument: String) {
    guard let value = parseNumber(argument) else { return nil }
    self.value = value
  }
}

/// An address as users write it: `0000:6a:01.0` or `6a:01.0`.
struct AddressArgument: ExpressibleByArgument {
  let value: PCIAddress

  init?(argument: String) {
    guard let value = PCIAddress(argument) else { return nil }
    self.value = value
  }
}

/// What the user declares of devices.
struct DeclarationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Bytes that hold no register, first and last inclusive, such as 0xe00-0xfff.",
      valueName: "A-B"))
  var free: [String] = []

  @Option(help: ArgumentHelp("Files of declared ranges for device models.", valueName: "FILE"))
  var quirks: [String] = []

  /// All that was declared, with the quirk files read.
  func declarations() throws(InputProblem) -> Declarations {
    var user: [DeclaredRange] = []
    for text in free {
      do {
        let bytes = try DeclaredRange.bytes(text)
        user.append(try DeclaredRange(bytes, .free, source: "the user, --free \(text)"))
      } catch {
        throw .json(source: "--free", "\(error)")
      }
    }
    var all: [Quirk] = []
    for path in quirks { all += try QuirkFile.read(path) }
    return Declarations(user: user, quirks: all)
  }
}

/// What the synthetic capability says.
struct CapabilityOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Width of the PASIDs that guests may use (default: 20).", valueName: "1…20"))
  var pasidBits: Int?

  @Flag(help: "Let guests ask for execute permission.")
  var exec = false

  @Flag(help: "Let guests ask for privileged mode.")
  var priv = false

  func validate() throws {
    guard let pasidBits, !(1...20).contains(pasidBits) else { return }
    throw ValidationError("--pasid-bits is \(pasidBits): expected 1 to 20")
  }

  /// The capability.
  var capability: PASIDCapability {
    PASIDCapability(width: pasidBits ?? 20, execute: exec, privileged: priv)
  }

  /// Whether the user said anything of the capability.
  var isGiven: Bool { pasidBits != nil || exec || priv }
}
