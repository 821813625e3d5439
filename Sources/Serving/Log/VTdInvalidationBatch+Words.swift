import Hardware
import LogText
import VirtualIOMMU

extension VTdInvalidationBatch {
  /// As many are told in a line of text.
  private static let told = 3

  /// The batch in words: the first ones, and what there is besides.
  var text: String {
    var parts = first.prefix(Self.told).map(\.text)
    if count > parts.count {
      var rest = HumanText.count(count - parts.count) + " more"
      if pageCount > 0 {
        rest += ", " + HumanText.count(Int(clamping: pageCount), "page") + " in all"
      }
      parts.append(rest)
    }
    if waitCount > 0 { parts.append("wait") }
    return parts.joined(separator: "; ")
  }

  /// Whose entries they are, without addresses; `nil` for more than can be told.
  var scope: String? {
    guard count <= Self.told else { return nil }
    return first.map(\.scope).joined(separator: "; ")
  }

  /// The batch as keys of JSON.
  func write(_ json: inout JSONLine) {
    json.number("count", count)
    json.number("pages", pageCount)
    json.number("waits", waitCount)
    json.array("first") { json in
      for entry in first { json.object { json in entry.write(&json) } }
    }
  }
}

extension VTdInvalidationBatch.Entry {
  /// One of them in words.
  fileprivate var text: String {
    guard let range else { return scope }
    guard range != .everything else { return scope + ": all pages" }
    return scope + ": " + HumanText.count(Int(clamping: range.pageCount), "page") + " at "
      + range.address.hex + (range.isLeafOnly ? ", leaves only" : "")
  }

  /// Whose entries they are.
  fileprivate var scope: String {
    switch self {
    case .unit(.pasidPages(_, let pasid, let domain)): "PASID \(pasid.rawValue) domain \(domain)"
    case .unit(.pages(_, let domain)), .unit(.translations(let domain)): "domain \(domain)"
    case .unit(.allTranslations): "all domains"
    case .unit(.pasid(let pasid, let domain)):
      "entry of PASID \(pasid.rawValue) domain \(domain)"
    case .unit(.pasids(let domain)): "PASID entries of domain \(domain)"
    case .unit(.allPASIDs): "all PASID entries"
    case .unit(.context(let source, let mask, let domain)):
      "context entry of \(RequesterID(sourceID: source).place)"
        + (mask == 0 ? "" : " mask \(mask)") + " domain \(domain)"
    case .unit(.contexts(let domain)): "context entries of domain \(domain)"
    case .unit(.allContexts): "all context entries"
    case .unit(.interrupts(let index, let maskBits)):
      "interrupt entry \(index)" + (maskBits == 0 ? "" : " mask \(maskBits) bits")
    case .unit(.allInterrupts): "all interrupt entries"
    case .deviceTLB(_, let pasid, let isGlobal, let source):
      "device TLB of \(RequesterID(sourceID: source).place)"
        + (isGlobal ? " all PASIDs" : ServeEvent.text(pasid?.rawValue))
    }
  }

  fileprivate func write(_ json: inout JSONLine) {
    json.string("what", what)
    switch self {
    case .unit(.pasidPages(_, let pasid, let domain)), .unit(.pasid(let pasid, let domain)):
      json.number("pasid", pasid.rawValue)
      json.number("domain", domain)
    case .unit(.pages(_, let domain)), .unit(.translations(let domain)),
      .unit(.pasids(let domain)), .unit(.contexts(let domain)):
      json.number("domain", domain)
    case .unit(.context(let source, let mask, let domain)):
      json.string("source", RequesterID(sourceID: source).place)
      json.number("mask", mask)
      json.number("domain", domain)
    case .unit(.interrupts(let index, let maskBits)):
      json.number("index", index)
      json.number("mask_bits", maskBits)
    case .unit(.allTranslations), .unit(.allPASIDs), .unit(.allContexts), .unit(.allInterrupts):
      break
    case .deviceTLB(_, let pasid, let isGlobal, let source):
      json.string("source", RequesterID(sourceID: source).place)
      if let pasid, !isGlobal { json.number("pasid", pasid.rawValue) }
      json.bool("is_global", isGlobal)
    }
    guard let range, range != .everything else { return }
    json.string("address", range.address.hex)
    json.number("pages", range.pageCount)
    json.bool("leaves_only", range.isLeafOnly)
  }

  /// The name in JSON.
  private var what: String {
    switch self {
    case .unit(.pasidPages): "pasid_pages"
    case .unit(.pages), .unit(.translations): "domain_pages"
    case .unit(.allTranslations): "all_pages"
    case .unit(.pasid): "pasid_entry"
    case .unit(.pasids): "pasid_entries"
    case .unit(.allPASIDs): "all_pasid_entries"
    case .unit(.context): "context_entry"
    case .unit(.contexts): "context_entries"
    case .unit(.allContexts): "all_context_entries"
    case .unit(.interrupts): "interrupt_entries"
    case .unit(.allInterrupts): "all_interrupt_entries"
    case .deviceTLB: "device_tlb"
    }
  }
}
