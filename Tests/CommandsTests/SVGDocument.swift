import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What a picture consists of, read back by an XML parser that is not ours.
final class SVGDocument: NSObject, XMLParserDelegate {
  struct Element {
    let name: String
    let attributes: [String: String]
    var content = ""

    func number(_ name: String) -> Double { attributes[name].flatMap(Double.init) ?? .nan }
  }

  struct Box {
    let left, top, right, bottom: Double

    func overlaps(_ other: Box) -> Bool {
      left < other.right && other.left < right && top < other.bottom && other.top < bottom
    }

    func lies(within other: Box) -> Bool {
      left >= other.left && top >= other.top && right <= other.right && bottom <= other.bottom
    }
  }

  private(set) var elements: [Element] = []
  private var open: [Int] = []

  init(_ source: String) throws {
    super.init()
    let parser = XMLParser(data: Data(source.utf8))
    parser.delegate = self
    try #require(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "")")
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    open.append(elements.count)
    elements.append(Element(name: name, attributes: attributes))
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) { open.removeLast() }

  func parser(_ parser: XMLParser, foundCharacters text: String) {
    if let last = open.last { elements[last].content += text }
  }

  func all(_ name: String) -> [Element] { elements.filter { $0.name == name } }

  /// The view box.
  var page: Box {
    let numbers = elements[0].attributes["viewBox"]?.split(separator: " ").compactMap {
      Double($0)
    }
    guard let numbers, numbers.count == 4 else {
      return Box(left: .nan, top: .nan, right: .nan, bottom: .nan)
    }
    return Box(left: numbers[0], top: numbers[1], right: numbers[2], bottom: numbers[3])
  }

  var rectangles: [Box] {
    all("rect").map {
      let (x, y) = ($0.number("x"), $0.number("y"))
      return Box(left: x, top: y, right: x + $0.number("width"), bottom: y + $0.number("height"))
    }
  }

  /// Where the texts stand, with the advances of DejaVu, the widest family in the stacks.
  var texts: [(text: String, box: Box)] {
    all("text").map { element in
      let size = element.number("font-size")
      let style = element.attributes["class"] ?? ""
      let advance = style.hasPrefix("m") ? 0.602 : 0.56
      let width = Double(element.content.count) * size * advance
      let x = element.number("x") - (style.contains("badge") ? width / 2 : 0)
      let y = element.number("y")
      return (
        element.content,
        Box(left: x, top: y - size * 0.8, right: x + width, bottom: y + size * 0.2)
      )
    }
  }
}
