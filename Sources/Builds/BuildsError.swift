/// Why a question about versions or builds has no answer, apart from registry and cluster errors, which pass through as they are.
public struct BuildsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What went wrong: stable, for callers to match.
    public struct Code: Sendable, Hashable {
        /// `lower_snake_case`.
        public let name: String

        /// The registry does not know the repository.
        public static let repositoryUnknown = Code(name: "repository_unknown")
        /// The repository has no such tag.
        public static let tagUnknown = Code(name: "tag_unknown")
        /// There is no such build.
        public static let buildUnknown = Code(name: "build_unknown")
        /// The build has not ended.
        public static let buildNotFinished = Code(name: "build_not_finished")
        /// The explicit version exists in the registry, or another build holds it.
        public static let versionTaken = Code(name: "version_taken")
        /// The version that was asked for does not exist within the rules: see the description.
        public static let noNextVersion = Code(name: "no_next_version")
        /// The key was used for another request.
        public static let idempotencyKeyReused = Code(name: "idempotency_key_reused")
        /// Other callers kept taking the version first; nothing was reserved.
        public static let reservationContended = Code(name: "reservation_contended")
        /// The builder could not do it: the description says what it tried and what came back.
        public static let builderUnavailable = Code(name: "builder_unavailable")
        /// The build's log is gone.
        public static let logUnavailable = Code(name: "log_unavailable")
    }

    /// What went wrong.
    public var code: Code
    /// One sentence: what was tried, what came of it, what to do.
    public var description: String

    /// Describes the failure.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    static func unknown(_ id: BuildID) -> BuildsError {
        BuildsError(
            .buildUnknown, "there is no build \(id); it was cancelled, or it ended long ago and was cleaned away")
    }
}
