public import Builds

/// Which pushes are built when GitHub tells of them.
public struct GitHubWebhook: Sendable {
    /// The secrets that deliveries may be signed with.
    public var secrets: GitHubWebhookSecrets
    /// The repository, if there is but one, and the branch whose pushes are built.
    public var git: GitDefaults
    /// Which folders hold webapps.
    public var paths: WebappPaths
    /// How long an answer takes at most, 8.5 s by default: GitHub waits for 10 s.
    ///
    /// Spec: GitHub, "Best practices for using webhooks", "Respond within 10 seconds".
    public var answerWithin: Duration = .milliseconds(8500)
    /// The largest payload, in bytes, 10 MiB by default; GitHub sends 25 MB at most.
    public var maximumBodyBytes = 10 << 20
    /// How long a cancellation may take until the build counts as one that cannot be stopped, 2 s by default.
    var longestCancellation: Duration = .seconds(2)

    /// Takes what an operator decides; `git` is what the builds use, too.
    public init(secrets: GitHubWebhookSecrets, git: GitDefaults, paths: WebappPaths) {
        self.secrets = secrets
        self.git = git
        self.paths = paths
    }
}
