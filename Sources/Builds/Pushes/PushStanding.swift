public import FoundationEssentials
public import SemanticVersions

/// The newest version of a webapp that the registry serves.
public struct PublishedVersion: Sendable, Equatable {
    /// Its tag.
    public var tag: VersionTag
    /// The commit that it was built from, if it says so.
    public var revision: String?
    /// When it was reserved or built, if it says so.
    public var createdAt: Date?

    /// Describes a version.
    public init(tag: VersionTag, revision: String?, createdAt: Date?) {
        self.tag = tag
        self.revision = revision
        self.createdAt = createdAt
    }
}

/// Whether a push may become the newest version of a webapp.
///
/// Deliveries come in any order, and a person may send one again days later. Old code must not become the newest version.
public enum PushStanding: Sendable, Equatable {
    /// Nothing speaks against it.
    case current
    /// The push has its build already.
    case started(Build)
    /// It must not, for this reason.
    case outdated(String)
}

extension Push {
    /// Compares the push with the builds that are known and the newest version that is published.
    ///
    /// Two pushes within one second cannot be told apart by their time.
    /// - Parameter builds: All that are known, of whatever webapp.
    public func standing(of webapp: WebappName, among builds: [Build], newest: PublishedVersion?) -> PushStanding {
        let builds = builds.filter { $0.webapp == webapp }
        // The hash alone: a second hook may tell of the push a moment later, and with another time. One that is held
        // back may still be given up; to start it waits for what becomes of it.
        let mine = builds.filter(owns)
        if let build = mine.first(where: { $0.status != .cancelled }) ?? mine.first, !build.isHeldBack {
            return .started(build)
        }
        if let later = builds.first(where: { !owns($0) && isBefore(PushKey($0.idempotencyKey)) }) {
            return .outdated("a later push was built as \(later.version.tag) (\(later.id))")
        }
        guard let newest else { return .current }
        if newest.revision == after { return .outdated("it was built already as \(newest.tag.tag)") }
        guard let pushedAt, let createdAt = newest.createdAt,
            Int(exactly: createdAt.timeIntervalSince1970.rounded(.down)).map({ $0 > pushedAt }) ?? false,
            !isAncestor(newest.revision),
            // Known to be the build of an earlier push that had to wait.
            !builds.contains(where: { $0.version.version == newest.tag.version && PushKey($0.idempotencyKey) != nil })
        else { return .current }
        return .outdated(
            "its newest version \(newest.tag.tag) was made after this push, and may have newer code; "
                + "if it has not, ask for the build with POST /builds")
    }

    /// Whether a build is of this push, by whatever hook it was told.
    public func owns(_ build: Build) -> Bool {
        PushKey(build.idempotencyKey)?.hash == PushKey(self, webapp: build.webapp).hash
    }

    func isBefore(_ key: PushKey?) -> Bool {
        guard let pushedAt, let other = key?.pushedAt else { return false }
        return pushedAt < other
    }

    func isAfter(_ key: PushKey?) -> Bool {
        guard let pushedAt, let other = key?.pushedAt else { return false }
        return pushedAt > other
    }

    /// Whether a commit is known to come before ``after``.
    private func isAncestor(_ commit: String?) -> Bool {
        guard let commit else { return false }
        return commit == before && !isForced || commits.contains { $0.id == commit }
    }
}
