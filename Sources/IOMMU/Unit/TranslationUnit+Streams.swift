import Hardware

extension TranslationUnit {
  /// Translates a request of an SMMUv3 stream: stream table entry, context descriptor, tables.
  @inline(never)
  func translate(
    _ which: TranslationTable, _ origin: Origin, stream: UInt32, _ iova: IOVA,
    _ access: DMAAccess, slot: Int
  ) -> TranslationResult {
    guard case .smmuStream(let table) = which else { preconditionFailure("no stream") }
    switch table.route(origin.pasid) {
    case .fault(let event): return refuse(table.configuration(event, iova), slot: slot)
    case .bypass:
      let key = origin.key
      if let word = cached(which, origin, iova.rawValue >> 12, iova, access, slot: slot) {
        return .success(Self.translation(word, iova, access))
      }
      let ticket = iotlb.ticket(key, iova.rawValue >> 12)
      return finish(
        table.parent.walk(iova, access, updating: true), key, iova.rawValue >> 12, ticket, iova,
        access, slot: slot)
    case .descriptor(let number):
      let descriptor: SMMUContextDescriptor
      switch self.descriptor(number, table, stream, iova) {
      case .fault(let fault): return refuse(fault, slot: slot)
      case .value(let value): descriptor = value
      }
      guard let place = SMMUStreamTable.place(iova, in: descriptor) else {
        return refuse(table.outside(iova, descriptor), slot: slot)
      }
      let key = CacheKey(tag: origin.tag, .asid, UInt32(descriptor.asid))
      let page = place.address >> 12
      var owner = origin
      owner.key = key
      if let word = cached(which, owner, page, iova, access, slot: slot) {
        return .success(Self.translation(word, iova, access))
      }
      let ticket = iotlb.ticket(key, page)
      let result = table.walk(place, descriptor, iova, access, updating: true)
      return finish(result, key, page, ticket, iova, access, slot: slot)
    }
  }

  /// The context descriptor, cached or read.
  @inline(__always)
  private func descriptor(
    _ number: UInt32, _ table: SMMUStreamTable, _ stream: UInt32, _ iova: IOVA
  ) -> SMMUStreamTable.Found<SMMUContextDescriptor> {
    if let cached = contextDescriptors.lookup(stream, number) { return .value(cached) }
    let ticket = contextDescriptors.ticket(stream, number)
    let found = table.fetchDescriptor(number, for: iova)
    if case .value(let descriptor) = found {
      contextDescriptors.install(descriptor, stream, number, ticket)
    }
    return found
  }

  @inline(__always)
  private func cached(
    _ table: TranslationTable, _ origin: Origin, _ page: UInt64, _ iova: IOVA,
    _ access: DMAAccess, slot: Int
  ) -> TranslationWord? {
    guard let word = iotlb.lookup(origin.key, page), word.allows(access) else { return nil }
    slots.count(.hits, in: slot)
    if isStrict { compare(word, table, origin, page, iova, access) }
    return word
  }

  private func refuse(_ fault: TranslationFault, slot: Int) -> TranslationResult {
    slots.count(.misses, in: slot)
    slots.count(.faults, in: slot)
    return .fault(fault)
  }
}
