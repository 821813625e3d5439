import Conformance

/// Cases and their outcomes as text.
enum CaseText {
  /// A case in a list: name, statements, needs.
  static func listing(of test: ConformanceCase) -> String {
    var text = test.name
    if !test.statements.isEmpty {
      text += " [" + test.statements.map(String.init).joined(separator: ", ") + "]"
    }
    return text + " (" + test.needs.map(\.rawValue).joined(separator: ", ") + ")"
  }

  /// An outcome for people; `nil` when it is not worth a line.
  static func text(
    _ test: ConformanceCase, _ outcome: CaseOutcome, verbose: Bool
  ) -> String? {
    switch outcome {
    case .passed: verbose ? "passed   \(test.name)" : nil
    case .failed(let differences):
      "FAILED   \(test.name)\n" + differences.map { "         \($0)" }.joined(separator: "\n")
    case .skipped(let missing):
      "skipped  \(test.name): needs \(missing.map(\.rawValue).joined(separator: ", "))"
    }
  }

  /// An outcome as one JSON object.
  static func json(_ test: ConformanceCase, _ outcome: CaseOutcome) -> String {
    let (word, texts): (String, [String]) =
      switch outcome {
      case .passed: ("passed", [])
      case .failed(let differences): ("failed", differences)
      case .skipped(let missing): ("skipped", missing.map(\.rawValue))
      }
    let list = texts.map(quoted).joined(separator: ",")
    let numbers = test.statements.map(String.init).joined(separator: ",")
    return
      "{\"name\":\(quoted(test.name)),\"statements\":[\(numbers)],"
      + "\"outcome\":\"\(word)\",\"details\":[\(list)]}"
  }

  /// How many cases ended in which way, as one JSON object.
  static func json(_ counts: (passed: Int, failed: Int, skipped: Int)) -> String {
    "{\"passed\":\(counts.passed),\"failed\":\(counts.failed),\"skipped\":\(counts.skipped)}"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
