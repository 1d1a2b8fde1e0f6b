public import KubernetesClient

/// How a ``KubernetesStandIn`` behaves; everything can be changed while it runs.
public struct StandInSettings: Sendable {
    /// The account that the stand-in's own token belongs to.
    public static let account = "system:serviceaccount:build-system:registry-query"

    /// How long a second of the cluster lasts: pauses of scripts, grace periods, deadlines, TTLs.
    ///
    /// Default 10 ms.
    public var second: Duration = .milliseconds(10)
    /// The namespace in which the account has its rights.
    public var namespace = "build-system"
    /// Accepted bearer tokens and whose they are.
    ///
    /// The stand-in's own token is added at the start.
    public var tokens: [String: String] = [:]
    /// Tokens that only a review accepts, because they are for somebody else than the API server.
    public var reviewedTokens: [String: ReviewedToken] = [:]
    /// The rights that the account has.
    ///
    /// Default: those that the client needs within a namespace, and no other.
    public var allowed = Set(ResourceAccess.neededByClient)
    /// How many Jobs the quota allows.
    public var jobQuota: Int?
    /// How many Pods that have not ended the quota allows: beyond that Jobs stay without one, and no condition tells.
    public var podQuota: Int?
    /// Whether Jobs stay however long ago they ended, as if their time to live were endless.
    public var keepsFinishedJobs = false
    /// Whether privileged Jobs are created with a Pod Security warning; their Pods are refused.
    public var warnsOfPodSecurity = false
    /// The life of a Job's Pod, by the Job's name and the number of the attempt from 1.
    public var script: @Sendable (_ job: String, _ attempt: Int) -> PodScript = { _, _ in .success() }

    /// The defaults.
    public init() {}
}

/// A token that somebody has for others than the API server.
public struct ReviewedToken: Sendable {
    /// Whose it is, such as `system:serviceaccount:automation:n8n`.
    public var username: String
    /// Whom it is for.
    public var audiences: [String]

    /// Says whose it is, and whom it is for.
    public init(username: String, audiences: [String]) {
        self.username = username
        self.audiences = audiences
    }
}
