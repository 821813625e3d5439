import ArgumentParser
import Hardware
import PCIe
import Placement

/// Arguments as users write them, with an error that says how.
enum TextArgument {
  /// An offset: `0xff8` or `4088`.
  static func offset(_ text: String) throws -> Int {
    guard let value = parseNumber(text) else {
      throw ValidationError(
        "\"\(text)\" is no offset: expected hexadecimal with 0x, such as 0xff8, or decimal")
    }
    return value
  }

  /// An address: `0000:6a:01.0` or `6a:01.0`.
  static func address(_ text: String) throws -> PCIAddress {
    guard let value = PCIAddress(text) else {
      throw ValidationError(
        "\"\(text)\" is no address: expected one such as 0000:6a:01.0 or 6a:01.0")
    }
    return value
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

/// What a VMM sees of devices.
struct ViewOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The same devices as VFIO shows them to a VMM, or auto for what vfio-pci is known to hide.",
      valueName: "FILE"))
  var vfioView: String?

  /// The views; the program ends when the file cannot be used.
  func views(_ messages: Messages) throws -> VFIOViews {
    do {
      return try VFIOViews(vfioView, messages)
    } catch {
      messages.problem(error)
      throw ExitStatus.unusableInput
    }
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
