/// A Lease of `coordination.k8s.io/v1`: who of several holds a role, and until when.
public struct Lease: KubernetesObject {
    /// Leases.
    public static let kind = ResourceKind.leases

    /// Name and version.
    public var metadata: ObjectMeta
    /// Who holds it.
    public var spec: Spec

    /// Describes a lease.
    public init(metadata: ObjectMeta, spec: Spec) {
        self.metadata = metadata
        self.spec = spec
    }

    /// Who holds a lease, and until when.
    public struct Spec: Sendable, Hashable, Codable {
        /// The holder; nobody when absent or empty.
        public var holderIdentity: String?
        /// How many seconds after ``renewTime`` others may take it; at least 1.
        public var leaseDurationSeconds: Int?
        /// When the holder took it.
        public var acquireTime: MicroTime?
        /// When the holder last confirmed it.
        public var renewTime: MicroTime?
        /// How often it has changed hands.
        public var leaseTransitions: Int?

        /// Describes who holds a lease.
        public init(
            holderIdentity: String? = nil, leaseDurationSeconds: Int? = nil, acquireTime: MicroTime? = nil,
            renewTime: MicroTime? = nil, leaseTransitions: Int? = nil
        ) {
            self.holderIdentity = holderIdentity
            self.leaseDurationSeconds = leaseDurationSeconds
            self.acquireTime = acquireTime
            self.renewTime = renewTime
            self.leaseTransitions = leaseTransitions
        }
    }

    private enum CodingKeys: String, CodingKey {
        case apiVersion
        case kind
        case metadata
        case spec
    }

    /// Decodes; a specification that is absent is one that nobody holds.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try container.decode(ObjectMeta.self, forKey: .metadata)
        spec = try container.decodeIfPresent(Spec.self, forKey: .spec) ?? Spec()
    }

    /// Encodes the whole document, as the API server wants it.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.kind.apiVersion, forKey: .apiVersion)
        try container.encode(Self.kind.kind, forKey: .kind)
        try container.encode(metadata, forKey: .metadata)
        try container.encode(spec, forKey: .spec)
    }
}
