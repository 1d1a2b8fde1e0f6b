/// A Pod, as far as the service reads it.
public struct Pod: KubernetesObject {
    /// Pods.
    public static let kind = ResourceKind.pods

    /// Name, labels, owner.
    public var metadata: ObjectMeta
    /// What runs in it.
    public var spec: Spec
    /// How far it has come.
    public var status: Status

    /// What runs in a Pod.
    public struct Spec: Sendable, Hashable, Codable {
        /// Containers that run one after the other before the others start.
        public var initContainers: [Container]
        /// The containers.
        public var containers: [Container]
        /// The node it was given to.
        public var nodeName: String?
        /// How many seconds its containers get to end once they have been told to.
        public var terminationGracePeriodSeconds: Int?

        /// Decodes; lists that are absent or `null` are empty.
        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            initContainers = try container.decodeIfPresent([Container].self, forKey: .initContainers) ?? []
            containers = try container.decodeIfPresent([Container].self, forKey: .containers) ?? []
            nodeName = try container.decodeIfPresent(String.self, forKey: .nodeName)
            terminationGracePeriodSeconds = try container.decodeIfPresent(
                Int.self, forKey: .terminationGracePeriodSeconds)
        }
    }

    /// A container as it was asked for.
    public struct Container: Sendable, Hashable, Codable {
        /// Its name, unique in the Pod.
        public var name: String
        /// Its image.
        public var image: String?
        /// What it runs instead of its image's entry point.
        public var command: [String]?
        /// The arguments to that.
        public var args: [String]?
        /// Its environment variables, in order; those from Secrets and fields have no value here.
        public var environment: [(name: String, value: String?)] { (env ?? []).map { ($0.name, $0.value) } }
        private var env: [Variable]?

        private struct Variable: Sendable, Hashable, Codable {
            var name: String
            var value: String?
        }
    }

    /// How far a Pod has come.
    public struct Status: Sendable, Hashable, Codable {
        /// `Pending` (also while an init container runs), `Running`, `Succeeded`, `Failed` or `Unknown`.
        public var phase: String?
        /// Why the Pod as a whole is as it is, such as `Evicted`.
        public var reason: String?
        /// The same for people.
        public var message: String?
        /// Conditions; `PodScheduled` tells why no node was found.
        public var conditions: [Condition]
        /// When the node took it.
        public var startTime: Timestamp?
        /// The init containers; empty until the node has taken the Pod.
        public var initContainerStatuses: [ContainerStatus]
        /// The containers; empty until the node has taken the Pod.
        public var containerStatuses: [ContainerStatus]

        /// Decodes; lists that are absent or `null` are empty.
        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            phase = try container.decodeIfPresent(String.self, forKey: .phase)
            reason = try container.decodeIfPresent(String.self, forKey: .reason)
            message = try container.decodeIfPresent(String.self, forKey: .message)
            conditions = try container.decodeIfPresent([Condition].self, forKey: .conditions) ?? []
            startTime = try container.decodeIfPresent(Timestamp.self, forKey: .startTime)
            initContainerStatuses =
                try container.decodeIfPresent([ContainerStatus].self, forKey: .initContainerStatuses) ?? []
            containerStatuses = try container.decodeIfPresent([ContainerStatus].self, forKey: .containerStatuses) ?? []
        }

        init() {
            conditions = []
            initContainerStatuses = []
            containerStatuses = []
        }
    }

    /// A container as it is.
    public struct ContainerStatus: Sendable, Hashable, Codable {
        /// Its name.
        public var name: String
        /// Its image, as the node calls it.
        public var image: String?
        /// Whether it is ready; an init container is once it has succeeded.
        public var ready: Bool?
        /// How often it was started again.
        public var restartCount: Int?
        /// What it does now.
        public var state: ContainerState?
    }

    /// What a container does: one of the three, or nothing that is known.
    public struct ContainerState: Sendable, Hashable, Codable {
        /// It has not started.
        public var waiting: Waiting?
        /// It runs.
        public var running: Running?
        /// It has ended.
        public var terminated: Terminated?

        /// Why a container has not started.
        public struct Waiting: Sendable, Hashable, Codable {
            /// Such as `PodInitializing`, `ErrImagePull`, `ImagePullBackOff`, `CreateContainerConfigError`.
            public var reason: String?
            /// The node's own words.
            public var message: String?
        }

        /// Since when a container runs.
        public struct Running: Sendable, Hashable, Codable {
            /// When it started.
            public var startedAt: Timestamp?
        }

        /// How a container ended.
        public struct Terminated: Sendable, Hashable, Codable {
            /// The exit code of its process.
            public var exitCode: Int
            /// The signal that ended it.
            public var signal: Int?
            /// Such as `Completed`, `Error`, `OOMKilled`.
            public var reason: String?
            /// What it left in its termination log, or the end of its log.
            public var message: String?
            /// When it started.
            public var startedAt: Timestamp?
            /// When it ended.
            public var finishedAt: Timestamp?
        }
    }

    /// The status of a container or init container by name.
    public func container(named name: String) -> ContainerStatus? {
        (status.initContainerStatuses + status.containerStatuses).first { $0.name == name }
    }

    private enum CodingKeys: String, CodingKey {
        case metadata
        case spec
        case status
    }

    /// Decodes; a status that is absent or `null` is one without anything in it.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try container.decode(ObjectMeta.self, forKey: .metadata)
        spec = try container.decode(Spec.self, forKey: .spec)
        status = try container.decodeIfPresent(Status.self, forKey: .status) ?? Status()
    }
}
