public import FoundationEssentials

/// What has come of calling back whoever asked for a build.
///
/// The URL is not part of it: n8n's carry a signature that lets anybody resume the workflow.
public struct Callback: Sendable, Equatable, Codable {
    /// How far it is.
    public enum Status: String, Sendable, CaseIterable, Codable {
        /// The build has not ended, or the first attempt is still to come.
        case pending
        /// At least one attempt has failed; another one follows.
        case retrying
        /// The receiver has answered 2xx.
        case delivered
        /// No more attempts will be made.
        case abandoned

        /// Whether nothing more will be sent.
        public var isFinal: Bool { self == .delivered || self == .abandoned }
    }

    /// How far it is.
    public var status: Status
    /// How many attempts were made.
    public var attempts: Int
    /// When the first one was made.
    public var firstAttemptAt: Date?
    /// When the last one was made.
    public var lastAttemptAt: Date?
    /// What came of the last one, in one sentence without anything of the URL beyond its host.
    public var lastAnswer: String?
    /// When the next one will be made.
    public var nextAttemptAt: Date?
    /// Since when the receiver has answered nothing but 409, as an n8n workflow does that is not waiting.
    public var conflictSince: Date?

    /// A callback of which nothing has been sent.
    public init(
        status: Status = .pending, attempts: Int = 0, firstAttemptAt: Date? = nil, lastAttemptAt: Date? = nil,
        lastAnswer: String? = nil, nextAttemptAt: Date? = nil, conflictSince: Date? = nil
    ) {
        self.status = status
        self.attempts = attempts
        self.firstAttemptAt = firstAttemptAt
        self.lastAttemptAt = lastAttemptAt
        self.lastAnswer = lastAnswer
        self.nextAttemptAt = nextAttemptAt
        self.conflictSince = conflictSince
    }
}
