/// A Job of `batch/v1`, as far as the service reads it.
///
/// To create one, a ``JSONValue`` is sent.
public struct Job: KubernetesObject {
    /// Jobs.
    public static let kind = ResourceKind.jobs

    /// Name, labels, annotations, finalizers.
    public var metadata: ObjectMeta
    /// What was asked for.
    public var spec: Spec
    /// What has come of it.
    public var status: Status

    /// What a Job was asked to do.
    public struct Spec: Sendable, Hashable, Codable {
        /// After how many seconds a Job that has not ended is stopped and failed.
        public var activeDeadlineSeconds: Int?
        /// After how many failed Pods the Job has failed.
        public var backoffLimit: Int?
        /// How many seconds a Job stays after its end.
        public var ttlSecondsAfterFinished: Int?
        /// Whether the Job is held back.
        public var suspend: Bool?
        /// The Pod that it runs.
        public var template: PodTemplate?

        /// The Pod that a Job runs.
        public struct PodTemplate: Sendable, Hashable, Codable {
            /// The Pod's specification.
            public var spec: Pod.Spec?
        }
    }

    /// What has come of a Job.
    public struct Status: Sendable, Hashable, Codable {
        /// `Complete` and `Failed` are final; `SuccessCriteriaMet` and `FailureTarget` announce them.
        public var conditions: [Condition]
        /// When the Job controller began.
        public var startTime: Timestamp?
        /// When it succeeded.
        public var completionTime: Timestamp?
        /// Pods that run or wait to.
        public var active: Int
        /// Active Pods whose containers are ready; 0 while an init container runs.
        public var ready: Int
        /// Pods that succeeded.
        public var succeeded: Int
        /// Pods that failed.
        public var failed: Int
        /// Pods that are being stopped.
        public var terminating: Int

        /// Decodes; counts and lists that are absent or `null` are zero and empty.
        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            conditions = try container.decodeIfPresent([Condition].self, forKey: .conditions) ?? []
            startTime = try container.decodeIfPresent(Timestamp.self, forKey: .startTime)
            completionTime = try container.decodeIfPresent(Timestamp.self, forKey: .completionTime)
            active = try container.decodeIfPresent(Int.self, forKey: .active) ?? 0
            ready = try container.decodeIfPresent(Int.self, forKey: .ready) ?? 0
            succeeded = try container.decodeIfPresent(Int.self, forKey: .succeeded) ?? 0
            failed = try container.decodeIfPresent(Int.self, forKey: .failed) ?? 0
            terminating = try container.decodeIfPresent(Int.self, forKey: .terminating) ?? 0
        }

        init() {
            conditions = []
            active = 0
            ready = 0
            succeeded = 0
            failed = 0
            terminating = 0
        }
    }

    /// How a Job has ended.
    public enum Outcome: Sendable, Hashable {
        /// Its Pod succeeded.
        case complete
        /// It failed. The reason says little (a failed clone, a failed build, an eviction and a deleted Pod are all
        /// `BackoffLimitExceeded`, only `DeadlineExceeded` is itself): look at the Pod.
        case failed(reason: String?, message: String?)
    }

    /// How the Job has ended, `nil` as long as it has not.
    ///
    /// Only the conditions `Complete` and `Failed` count.
    public var outcome: Outcome? {
        for condition in status.conditions where condition.isTrue {
            switch condition.type {
            case "Complete": return .complete
            case "Failed": return .failed(reason: condition.reason, message: condition.message)
            default: continue
            }
        }
        return nil
    }

    /// When the Job ended, by its own account.
    public var finishedAt: Timestamp? {
        status.completionTime
            ?? status.conditions.first { $0.isTrue && ($0.type == "Complete" || $0.type == "Failed") }?
            .lastTransitionTime
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
