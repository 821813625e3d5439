/// Stub.
public struct DumpTextError: Error, Hashable, Sendable {}
