/// An object of the API server, as far as the service reads it; everything else in its document is passed over.
public protocol KubernetesObject: Codable, Sendable, Hashable {
    /// Which kind of object this is.
    static var kind: ResourceKind { get }
    /// Its name, labels and life.
    var metadata: ObjectMeta { get }
}

/// What every object has: name, labels, and where it is in its life.
public struct ObjectMeta: Sendable, Hashable, Codable {
    /// Unique among the objects of the kind in the namespace, as long as the object exists.
    public var name: String
    /// The namespace.
    public var namespace: String?
    /// Unique over space and time: an object of the same name made later has another one.
    public var uid: String?
    /// The version of the object, opaque.
    ///
    /// An update that carries it fails with a conflict if there is a newer one.
    public var resourceVersion: String?
    /// When the object was made.
    public var creationTimestamp: Timestamp?
    /// When its deletion was asked for; the object stays until its finalizers are gone.
    public var deletionTimestamp: Timestamp?
    /// Labels, which selectors look at.
    public var labels: [String: String]
    /// Annotations.
    public var annotations: [String: String]
    /// Whoever has to finish something before a deleted object may go.
    public var finalizers: [String]
    /// The objects this one goes with.
    public var ownerReferences: [OwnerReference]

    /// Describes a new object.
    public init(
        name: String,
        namespace: String? = nil,
        labels: [String: String] = [:],
        annotations: [String: String] = [:],
        finalizers: [String] = [],
        ownerReferences: [OwnerReference] = []
    ) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
        self.annotations = annotations
        self.finalizers = finalizers
        self.ownerReferences = ownerReferences
    }

    /// Whether the object's deletion has been asked for.
    public var isBeingDeleted: Bool { deletionTimestamp != nil }

    private enum CodingKeys: String, CodingKey {
        case name
        case namespace
        case uid
        case resourceVersion
        case creationTimestamp
        case deletionTimestamp
        case labels
        case annotations
        case finalizers
        case ownerReferences
    }

    /// Decodes; maps and lists that are absent or `null` are empty.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        namespace = try container.decodeIfPresent(String.self, forKey: .namespace)
        uid = try container.decodeIfPresent(String.self, forKey: .uid)
        resourceVersion = try container.decodeIfPresent(String.self, forKey: .resourceVersion)
        creationTimestamp = try container.decodeIfPresent(Timestamp.self, forKey: .creationTimestamp)
        deletionTimestamp = try container.decodeIfPresent(Timestamp.self, forKey: .deletionTimestamp)
        labels = try container.decodeIfPresent([String: String].self, forKey: .labels) ?? [:]
        annotations = try container.decodeIfPresent([String: String].self, forKey: .annotations) ?? [:]
        finalizers = try container.decodeIfPresent([String].self, forKey: .finalizers) ?? []
        ownerReferences = try container.decodeIfPresent([OwnerReference].self, forKey: .ownerReferences) ?? []
    }

    /// Encodes; what is empty is left out.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encodeIfPresent(namespace, forKey: .namespace)
        try container.encodeIfPresent(uid, forKey: .uid)
        try container.encodeIfPresent(resourceVersion, forKey: .resourceVersion)
        try container.encodeIfPresent(creationTimestamp, forKey: .creationTimestamp)
        try container.encodeIfPresent(deletionTimestamp, forKey: .deletionTimestamp)
        if !labels.isEmpty { try container.encode(labels, forKey: .labels) }
        if !annotations.isEmpty { try container.encode(annotations, forKey: .annotations) }
        if !finalizers.isEmpty { try container.encode(finalizers, forKey: .finalizers) }
        if !ownerReferences.isEmpty { try container.encode(ownerReferences, forKey: .ownerReferences) }
    }
}

/// Points from an object to the one it goes with.
public struct OwnerReference: Sendable, Hashable, Codable {
    /// Group and version of the owner's kind.
    public var apiVersion: String
    /// The owner's kind.
    public var kind: String
    /// The owner's name.
    public var name: String
    /// The owner's uid.
    public var uid: String
    /// Whether the owner manages the object.
    public var controller: Bool?
    /// Whether the owner's foreground deletion waits for the object.
    public var blockOwnerDeletion: Bool?

    /// Points to an owner.
    public init(
        apiVersion: String, kind: String, name: String, uid: String, controller: Bool? = nil,
        blockOwnerDeletion: Bool? = nil
    ) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.name = name
        self.uid = uid
        self.controller = controller
        self.blockOwnerDeletion = blockOwnerDeletion
    }
}

/// One of the conditions that an object's status lists.
public struct Condition: Sendable, Hashable, Codable {
    /// Which condition, such as `Complete`.
    public var type: String
    /// `True`, `False` or `Unknown`.
    public var status: String
    /// A word for programs.
    public var reason: String?
    /// A sentence for people.
    public var message: String?
    /// Since when.
    public var lastTransitionTime: Timestamp?

    /// Whether the condition holds.
    public var isTrue: Bool { status == "True" }
}
