/// What a push did to a branch or a tag, as far as whoever tells of it says.
public struct Push: Sendable, Equatable {
    /// The most commits that GitHub tells of.
    ///
    /// Spec: GitHub, "Webhook events and payloads", push, `commits`.
    static let mostCommits = 2048

    /// A commit that the push brought.
    public struct Commit: Sendable, Equatable {
        /// The full id.
        public var id: String
        /// The whole message.
        public var message: String
        /// The files that it added.
        public var added: [String]
        /// The files that it changed.
        public var modified: [String]
        /// The files that it removed.
        public var removed: [String]
        /// Whether the lists of files are known to be all there is.
        public var filesAreComplete: Bool

        /// Describes a commit.
        public init(
            id: String, message: String, added: [String] = [], modified: [String] = [], removed: [String] = [],
            filesAreComplete: Bool = true
        ) {
            self.id = id
            self.message = message
            self.added = added
            self.modified = modified
            self.removed = removed
            self.filesAreComplete = filesAreComplete
        }
    }

    /// The repository as `owner/name`.
    public var repository: String
    /// The full reference that was moved.
    public var ref: String
    /// The commit that it pointed to before; all zeros for a new reference.
    public var before: String
    /// The commit that it points to now; all zeros for a deleted one.
    public var after: String
    /// When the repository was pushed to, in seconds since 1970, if that is known.
    public var pushedAt: Int?
    /// Whether the reference was deleted.
    public var isDeleted: Bool
    /// Whether commits were taken away from the reference.
    public var isForced: Bool
    /// Whether it brought any commit, and did not just move the reference to one that was there before.
    let bringsCommits: Bool
    /// Where the repository can be cloned from; validated.
    public var cloneURL: String?
    /// The name of whoever pushed; `nil` if it cannot be shown.
    public var sender: String?
    /// The commits that are known, oldest first.
    public let commits: [Commit]
    /// Why these may not be all commits, or not all of their files: one sentence; `nil` where they are.
    public let gap: String?

    /// Describes a push.
    /// - Parameters:
    ///   - commits: The commits that it brought, oldest first.
    ///   - head: The commit that the reference points to now, if it is described apart from the others.
    public init(
        repository: String, ref: String, before: String, after: String, pushedAt: Int? = nil, isDeleted: Bool = false,
        isForced: Bool = false, cloneURL: String? = nil, sender: String? = nil, commits: [Commit], head: Commit? = nil
    ) {
        self.repository = repository
        self.ref = ref
        self.before = before
        self.after = after
        self.pushedAt = pushedAt
        self.isDeleted = isDeleted
        self.isForced = isForced
        self.bringsCommits = !commits.isEmpty
        self.cloneURL = cloneURL
        self.sender = sender
        var all = commits
        if let head, !commits.contains(where: { $0.id == head.id }) { all.append(head) }
        self.commits = all
        if commits.count >= Self.mostCommits {
            gap = "GitHub tells of \(Self.mostCommits) commits at most, and the push may have brought more"
        } else if !commits.contains(where: { $0.id == after }) {
            gap = "the commit that the branch points to now is not among the commits of the payload"
        } else if let commit = all.first(where: { !$0.filesAreComplete }) {
            gap = "the payload does not tell all files of the commit \(commit.id.prefix(12))"
        } else {
            gap = nil
        }
    }
}
