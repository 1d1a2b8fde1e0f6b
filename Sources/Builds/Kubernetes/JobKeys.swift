internal import OCIDistribution

/// The names that make a Job a build: what selects it, and where its parts are written down.
enum JobKeys {
    /// Labels, which selectors look at.
    enum Label {
        static let name = "app.kubernetes.io/name"
        static let component = "app.kubernetes.io/component"
        static let managedBy = "app.kubernetes.io/managed-by"
        static let webapp = "webapp"
        static let tag = "registry-query/tag"
        /// What builds with one idempotency key have in common: see ``JobKeys/hash(ofKey:)``.
        static let keyHash = "registry-query/idempotency-key-hash"
        /// Set on every Pod of a Job by Kubernetes.
        static let jobName = "batch.kubernetes.io/job-name"
    }

    /// What the labels of every build say, whoever made it.
    static let name = "buildkit"
    static let component = "builder"
    /// What ``Label/managedBy`` says for builds of this service.
    static let managedBy = "registry-query"

    /// An idempotency key as the value of a label, which most keys cannot be.
    static func hash(ofKey key: String) -> String { String(Digest.sha256(of: Array(key.utf8)).hex.prefix(40)) }

    /// Annotations: what was promised, and what has come of it.
    enum Annotation {
        static let image = "registry-query/image"
        static let createdAt = "registry-query/created-at"
        static let gitURL = "registry-query/git-url"
        static let gitRef = "registry-query/git-ref"
        static let gitCommit = "registry-query/git-commit"
        static let gitSubdirectory = "registry-query/git-subdirectory"
        static let platforms = "registry-query/platforms"
        static let idempotencyKey = "registry-query/idempotency-key"
        static let requestFingerprint = "registry-query/request-fingerprint"
        static let requestedBy = "registry-query/requested-by"
        static let callbackURL = "registry-query/callback-url"
        static let traceparent = "registry-query/traceparent"
        /// What has come of calling back: a JSON object.
        static let callback = "registry-query/callback"
        /// Unlike any other: tells the Job of one create from that of another under the same name.
        static let reservation = "registry-query/reservation"
        /// When the Job, which is made suspended, was let run.
        ///
        /// One without it waits for that.
        static let resumedAt = "registry-query/resumed-at"

        static let status = "registry-query/status"
        static let message = "registry-query/message"
        static let digest = "registry-query/digest"
        static let commit = "registry-query/commit"
        static let startedAt = "registry-query/started-at"
        static let finishedAt = "registry-query/finished-at"
        /// When it came to each phase: a JSON object.
        static let phases = "registry-query/phases"
        /// What kept the Pod from starting; nobody can tell once the Job's deadline has taken the Pod away.
        static let trouble = "registry-query/trouble"
    }

    /// Containers of the Pod.
    enum Container {
        static let clone = "git-clone"
        static let build = "buildkit"
    }

    /// Environment variables of the containers.
    enum Variable {
        static let gitURL = "GIT_REPO_URL"
        static let gitRef = "GIT_REF"
        static let gitSubdirectory = "GIT_SUBDIRECTORY"
        static let image = "IMAGE_TAG"
    }

    /// Holds a Job until its caller was told, or will not be.
    static let callbackFinalizer = "registry-query/callback"
    /// What Kubernetes puts on a Job whose Pods are stopped before the Job may go.
    static let foregroundFinalizer = "foregroundDeletion"
}
