public import KubernetesClient

/// Something that has happened to an object.
public struct ObjectChange: Sendable {
    /// The object's kind.
    public let kind: ResourceKind
    /// The object's name.
    public let name: String
    /// The object after it; `nil` when it was removed.
    public let object: JSONValue?
    /// `CLOCK_MONOTONIC` when it was stored, just before watches were told.
    public let monotonicNanoseconds: UInt64
}
