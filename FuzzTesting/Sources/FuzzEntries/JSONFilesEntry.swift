@testable import Commands
import PCIe
import Placement

/// A pin file when the first byte is odd, else a quirk file.
enum JSONFilesEntry {
  private static let evidence = PlacementEvidence(
    layout: LayoutMap(of: SampleDevice.sapphireRapidsDSA), of: SampleDevice.sapphireRapidsDSA)

  /// The sample device as VFIO shows it: without a PASID capability.
  private static let hidden = PlacementEvidence(
    model: evidence.model, space: .usable, isExpress: true,
    entries: evidence.entries.filter { $0.id != Capability.pasidID },
    hidden: evidence.entries.filter { $0.id == Capability.pasidID }, stray: evidence.stray)

  static func run(_ bytes: [UInt8]) {
    let text = Array(bytes.dropFirst())
    if bytes.first.map({ $0 & 1 == 1 }) ?? false { pin(text) } else { quirks(text) }
  }

  private static func pin(_ text: [UInt8]) {
    let pin: Pin
    do throws(InputProblem) {
      pin = try PinFile.decode(text, from: "fuzz")
    } catch {
      require("\(error)".hasPrefix("fuzz: "), "\(error)")
      return
    }
    for one in [evidence, hidden] { describe(pin.breach(by: one)) }
    // The same devices as a pinned model.
    for model in pin.models {
      for one in [evidence, hidden] {
        let other = PlacementEvidence(
          model: model.model, space: one.space, isExpress: one.isExpress, entries: one.entries,
          hidden: one.hidden, stray: one.stray)
        describe(pin.breach(by: other))
      }
    }
    do throws(InputProblem) {
      let again = try PinFile.decode(Array(PinFile.text(pin).utf8), from: "fuzz")
      require(again.capability == pin.capability, "another capability")
      require(Set(again.models) == Set(pin.models), "other models")
    } catch {
      fatalError("\(PinFile.text(pin)): \(error)")
    }
  }

  private static func describe(_ breach: PinBreach?) {
    require(breach.map { !"\($0)".isEmpty } ?? true, "a breach without words")
  }

  private static func quirks(_ text: [UInt8]) {
    let quirks: [Quirk]
    do throws(InputProblem) {
      quirks = try QuirkFile.decode(text, from: "fuzz")
    } catch {
      require("\(error)".hasPrefix("fuzz: "), "\(error)")
      return
    }
    for range in quirks.flatMap(\.ranges) {
      require(range.bytes.lowerBound >= 0x100 && range.bytes.upperBound < 0x1000, "\(range)")
    }
    let declarations = Declarations(user: [], quirks: quirks)
    for one in [evidence, hidden] {
      let decision = Placer(one, declarations: declarations).decide()
      require(decision.reasons.allSatisfy { !"\($0)".isEmpty }, "a reason without words")
    }
  }
}
