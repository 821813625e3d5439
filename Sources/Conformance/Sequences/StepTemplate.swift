/// What a parameter of a step is, for the generator to choose a value.
package enum Role: Hashable, Sendable {
  /// An object's id.
  case object(ObjectKind)
  /// An IOAS or any page table.
  case table
  /// Anything that HWPT_ALLOC may be made on.
  case parent
  /// Any id.
  case anyObject
  /// An open file.
  case descriptor(DescriptorKind)
  /// An address in the caller's memory.
  case memory
  case iova
  case length
  /// Any mix of these bits, now and then with others.
  case flags(UInt32)
  /// One of these, now and then another.
  case oneOf([UInt64])
  case pasid
  /// Reserved: zero, now and then not.
  case reserved
  /// The size that a structure states of itself; 0 stands for the whole structure.
  case size
}

/// Kinds of objects of a context.
package enum ObjectKind: Hashable, Sendable {
  case ioas, hwpt, nested, device, holder, fault, viommu, vdevice, eventQueue, hwQueue
}

/// Kinds of open files.
package enum DescriptorKind: Hashable, Sendable {
  case faults, events, access, file, vfio
}

/// Where a parameter stands in a request's structure.
package struct StepField: Sendable {
  let name: String
  let offset: Int
  let width: Int
  let role: Role

  init(_ name: String, _ offset: Int, _ width: Int, _ role: Role) {
    self.name = name
    self.offset = offset
    self.width = width
    self.role = role
  }
}

/// Something that a request gives.
package struct StepResult: Sendable {
  let offset: Int
  let width: Int
  /// What object or file it names; `nil` for a mere number.
  let object: ObjectKind?
  let descriptor: DescriptorKind?

  static func id(_ offset: Int, _ kind: ObjectKind) -> Self {
    Self(offset: offset, width: 4, object: kind, descriptor: nil)
  }

  static func descriptor(_ offset: Int, _ kind: DescriptorKind) -> Self {
    Self(offset: offset, width: 4, object: nil, descriptor: kind)
  }

  static func number(_ offset: Int, _ width: Int = 8) -> Self {
    Self(offset: offset, width: width, object: nil, descriptor: nil)
  }
}

/// Data outside the structure: where its address stands, what goes in, how much is compared.
package struct StepData: Sendable {
  let offset: Int
  /// Names and roles of the words that are stored before the request.
  let words: [StepField]
  /// Bytes that are compared after the request.
  let compared: Int
}

/// A kind of step: one request, or one other call.
package struct StepTemplate: Sendable {
  /// What is done with the operands.
  package enum Call: Sendable {
    /// A request on the context.
    case request(UInt32, size: Int)
    /// An operation of the mock.
    case mock(UInt32)
    /// A request on the first operand's descriptor; the rest are fields.
    case device(UInt32, size: Int)
    case read, write, poll, close, open
  }

  let name: String
  let call: Call
  let fields: [StepField]
  let results: [StepResult]
  let data: StepData?
  /// How often the generator takes it.
  let weight: Int

  init(
    _ name: String, _ call: Call, _ fields: [StepField] = [], results: [StepResult] = [],
    data: StepData? = nil, weight: Int = 4
  ) {
    self.name = name
    self.call = call
    switch call {
    case .request, .mock, .device: self.fields = fields + [StepField("size", 0, 4, .size)]
    case .read, .write, .poll, .close, .open: self.fields = fields
    }
    self.results = results
    self.data = data
    self.weight = weight
  }

  /// All parameters: fields, then words of data.
  var parameters: [StepField] { fields + (data?.words ?? []) }
}
