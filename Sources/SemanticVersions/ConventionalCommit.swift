/// A commit message that follows the Conventional Commits specification.
///
/// Spec: Conventional Commits 1.0.0.
public struct ConventionalCommit: Hashable, Sendable {
    /// A line of the footer section with the lines that continue it.
    public struct Footer: Hashable, Sendable {
        /// What stands before the separator, such as `Reviewed-by` or `BREAKING CHANGE`.
        public let token: String

        /// What stands after it, up to the next footer, without space at its ends.
        public let value: String

        /// Whether the footer announces a breaking change, for which the token must be upper-case.
        ///
        /// Spec: items 12, 15 and 16.
        public let isBreakingChange: Bool
    }

    /// The type in lower case, such as `feat`.
    public let type: String

    /// What the parentheses after the type hold, nil without them.
    public let scope: String?

    /// The rest of the first line.
    public let summary: String

    /// The paragraphs between the first line and the footers; empty where there are none.
    public let body: String

    /// The footers in order.
    public let footers: [Footer]

    /// Whether a `!` stands before the colon or a footer announces a breaking change.
    public let isBreaking: Bool

    /// The release that the commit asks for, nil if none.
    ///
    /// A breaking change of any type is major, also while the major version is zero, `feat` is minor and `fix` is patch. No
    /// other type has a meaning in the specification, not `perf` and not `revert`.
    public var bump: Bump? {
        if isBreaking { return .major }
        switch type {
        case "feat": return .minor
        case "fix": return .patch
        default: return nil
        }
    }

    /// The most messages that ``bump(for:)`` takes.
    public static let maximumMessageCount = 10_000

    /// The most bytes that the messages given to ``bump(for:)`` may have together.
    public static let maximumTotalLength = 4 << 20

    /// The heaviest release that one of the commits asks for, nil if none does.
    ///
    /// Messages that do not follow the specification ask for none: merge commits, `Revert "..."`, free text.
    ///
    /// - Parameter messages: Whole commit messages, in any order.
    /// - Throws: An error if there are more than ``maximumMessageCount`` or they are longer than ``maximumTotalLength``, since
    ///   a part of them could lead to a lower version than all.
    public static func bump(for messages: [String]) throws(ConventionalCommitError) -> Bump? {
        guard messages.count <= maximumMessageCount else {
            throw ConventionalCommitError(
                description: "\(messages.count) commit messages are more than the \(maximumMessageCount) allowed")
        }
        let length = messages.reduce(0) { $0 + $1.utf8.count }
        guard length <= maximumTotalLength else {
            throw ConventionalCommitError(
                description: "commit messages of \(length) bytes are more than the \(maximumTotalLength) allowed")
        }
        return messages.compactMap { ConventionalCommit($0)?.bump }.max()
    }
}

/// Why commit messages were not looked at.
public struct ConventionalCommitError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence: how much was given, and how much is allowed.
    public let description: String
}
