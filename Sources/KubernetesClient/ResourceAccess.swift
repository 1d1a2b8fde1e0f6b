/// A kind of thing that the API server keeps.
public struct ResourceKind: Sendable, Hashable {
    /// The API group; empty for the core group.
    public let group: String
    /// The version of the API group.
    public let version: String
    /// The plural name in paths and roles.
    public let resource: String
    /// The singular name in documents.
    public let kind: String

    /// Jobs of `batch/v1`.
    public static let jobs = ResourceKind(group: "batch", version: "v1", resource: "jobs", kind: "Job")
    /// Pods of the core group.
    public static let pods = ResourceKind(group: "", version: "v1", resource: "pods", kind: "Pod")
    /// Leases of `coordination.k8s.io/v1`.
    public static let leases = ResourceKind(
        group: "coordination.k8s.io", version: "v1", resource: "leases", kind: "Lease")
    /// Events of the core group: what the parts of the cluster have to say.
    public static let events = ResourceKind(group: "", version: "v1", resource: "events", kind: "Event")
    /// Reviews of tokens, of `authentication.k8s.io/v1`; they belong to the cluster, not to a namespace.
    public static let tokenReviews = ResourceKind(
        group: "authentication.k8s.io", version: "v1", resource: "tokenreviews", kind: "TokenReview")

    /// What documents of this kind name as their `apiVersion`.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
}

/// A right of Kubernetes' role-based access control: a verb on a resource.
public struct ResourceAccess: Sendable, Hashable, CustomStringConvertible {
    /// `create`, `get`, `list`, `watch`, `update`, `patch` or `delete`.
    public let verb: String
    /// The API group; empty for the core group.
    public let group: String
    /// The plural name of the resource.
    public let resource: String
    /// A part of the resource, such as `log` of `pods`.
    public let subresource: String?

    /// Names a right.
    public init(verb: String, group: String, resource: String, subresource: String? = nil) {
        self.verb = verb
        self.group = group
        self.resource = resource
        self.subresource = subresource
    }

    init(_ verb: String, _ kind: ResourceKind, _ subresource: String? = nil) {
        self.init(verb: verb, group: kind.group, resource: kind.resource, subresource: subresource)
    }

    /// The verb and the resource, such as `create jobs.batch` or `get pods/log`.
    public var description: String { "\(verb) \(target)" }

    /// The resource as roles and the API server's messages name it, such as `jobs.batch` or `pods/log`.
    public var target: String {
        resource + (subresource.map { "/\($0)" } ?? "") + (group.isEmpty ? "" : ".\(group)")
    }

    /// Verb, resource and part of it, such as `get_pods_log`.
    var metricLabel: String { [verb, resource, subresource].compactMap(\.self).joined(separator: "_") }

    /// The right that ``KubernetesClient/review(token:audiences:)`` needs, which a ClusterRole has to grant.
    public static let tokenReviews = ResourceAccess("create", .tokenReviews)

    /// Every right within the namespace that some call of ``KubernetesClient`` needs, reviews of one's own rights left
    /// out (everybody has those).
    public static let neededByClient: [ResourceAccess] =
        ["create", "get", "list", "watch", "delete", "patch"].map { ResourceAccess($0, .jobs) }
        + ["list", "watch"].map { ResourceAccess($0, .pods) } + [ResourceAccess("get", .pods, "log")]
        + ["create", "get", "update"].map { ResourceAccess($0, .leases) } + [ResourceAccess("list", .events)]
}

/// One call to the API server, as errors name it.
public struct KubernetesOperation: Sendable, Hashable, CustomStringConvertible {
    /// The right that the call needs; `nil` for what everybody may do.
    public let access: ResourceAccess?
    /// The verb and the resource, or the path of a call that is about none.
    public let name: String
    /// The object's name, for a call about one.
    public let object: String?
    /// The namespace, for a call within one.
    public let namespace: String?
    /// The kind of call, such as `get_pods_log`: one of ``metricLabels``.
    public let metricLabel: String

    init(_ access: ResourceAccess, object: String? = nil, namespace: String?) {
        self.access = access
        self.metricLabel = access.metricLabel
        self.name = access.description
        self.object = object
        self.namespace = namespace
    }

    init(_ name: String, metricLabel: String = "other") {
        self.access = nil
        self.metricLabel = metricLabel
        self.name = name
        self.object = nil
        self.namespace = nil
    }

    /// All kinds of calls that ``KubernetesClient`` makes.
    public static let metricLabels =
        (ResourceAccess.neededByClient + [.tokenReviews]).map(\.metricLabel)
        + ["get_version", "get_readyz", "review_access"]

    /// For example `create jobs.batch "build-x" in namespace "build-system"`.
    public var description: String {
        name + (object.map { " \"\($0)\"" } ?? "") + (namespace.map { " in namespace \"\($0)\"" } ?? "")
    }
}
