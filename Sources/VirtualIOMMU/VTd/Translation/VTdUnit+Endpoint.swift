public import Hardware

extension VTdUnit: VTdRequestEvents {
  /// Puts an emulated device's requests behind the unit.
  ///
  /// - Parameters:
  ///   - requester: Who makes them.
  ///   - translator: The unit's own translation, one for all its devices; it must listen to the unit
  ///     (``addListener(_:)``).
  /// - Returns: What the device makes its requests through.
  public func endpoint(
    at requester: RequesterID, translatedBy translator: VTdTranslator
  ) -> VTdEndpoint {
    VTdEndpoint(requester, translator: translator, events: self)
  }

  /// The unit's own translation, listening to it.
  ///
  /// - Returns: A translator with empty caches.
  public func makeTranslator() -> VTdTranslator {
    let translator = VTdTranslator(memory: memory, features: features)
    addListener(translator)
    return translator
  }

  /// The unit's interrupt remapping, listening to it.
  ///
  /// - Returns: A remapper with an empty cache.
  public func makeInterruptRemapper() -> VTdInterruptRemapper {
    let remapper = VTdInterruptRemapper(memory: memory)
    addListener(remapper)
    return remapper
  }
}
