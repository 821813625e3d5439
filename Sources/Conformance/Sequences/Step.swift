/// One call on a kernel, with operands that mean the same on every kernel.
package struct Step: Sendable {
  /// A number that other steps refer to; it stays when steps before it are dropped.
  package var id: Int
  let template: StepTemplate
  /// One operand a parameter of the template.
  package var operands: [Operand]

  init(_ id: Int, _ template: StepTemplate, _ operands: [Operand]) {
    self.id = id
    self.template = template
    self.operands = operands
  }

  /// The operand of a parameter.
  func operand(_ name: String) -> Operand? {
    template.parameters.firstIndex { $0.name == name }.map { operands[$0] }
  }
}

extension Step: CustomStringConvertible {
  /// Such as `%3 map flags=7 ioas=%1 reserved=0 va=@0x1800 length=0x1000 iova=0x1000000`.
  package var description: String {
    let pairs = zip(template.parameters, operands).map { "\($0.name)=\($1)" }
    return (["%\(id)", template.name] + pairs).joined(separator: " ")
  }

  /// Reads what ``description`` writes; parameters that are left out are 0.
  package init?(_ line: some StringProtocol) {
    let words = line.split(whereSeparator: \.isWhitespace)
    guard words.count >= 2, words[0].hasPrefix("%"), let id = Int(words[0].dropFirst()),
      // Step 0 stands for what is there before the first.
      id > 0, let template = StepTemplates.byName[String(words[1])]
    else { return nil }
    var operands = template.parameters.map { _ in Operand.number(0) }
    for word in words.dropFirst(2) {
      let pair = word.split(separator: "=", maxSplits: 1)
      guard pair.count == 2, let operand = Operand(pair[1]),
        let index = template.parameters.firstIndex(where: { $0.name == pair[0] })
      else { return nil }
      operands[index] = operand
    }
    self.init(id, template, operands)
  }
}

/// Why a sequence cannot be read.
package struct SequenceTextError: Error, CustomStringConvertible {
  /// The line, from 1.
  package let line: Int
  /// What stands there.
  package let text: String

  package var description: String { "line \(line) is no step: \(text)" }
}

/// Sequences as text: one step a line; `#` begins a comment.
package enum SequenceText {
  /// Writes steps.
  package static func text(_ steps: [Step]) -> String {
    steps.map(\.description).joined(separator: "\n") + "\n"
  }

  /// Reads steps.
  package static func steps(_ text: String) throws(SequenceTextError) -> [Step] {
    var steps: [Step] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let content = line.prefix { $0 != "#" }
      guard content.contains(where: { !$0.isWhitespace }) else { continue }
      guard let step = Step(content) else {
        throw SequenceTextError(line: index + 1, text: String(line))
      }
      steps.append(step)
    }
    return steps
  }
}
