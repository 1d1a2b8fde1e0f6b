/// The API server's own account of how a call went: the body of every refusal, and of some successes.
public struct Status: Sendable, Hashable, Codable {
    /// `Success` or `Failure`.
    public var status: String?
    /// A sentence for people.
    public var message: String?
    /// A word for programs, such as `AlreadyExists`.
    public var reason: String?
    /// The HTTP status.
    public var code: Int?
    /// What it is about.
    public var details: Details?

    /// What a status is about.
    public struct Details: Sendable, Hashable, Codable {
        /// The object's name.
        public var name: String?
        /// The API group.
        public var group: String?
        /// The kind or, more often, the resource (`jobs`).
        public var kind: String?
        /// The object's uid.
        public var uid: String?
        /// Field by field, for what is invalid.
        public var causes: [Cause]?
        /// After how many seconds to try again.
        public var retryAfterSeconds: Int?
    }

    /// One of several reasons.
    public struct Cause: Sendable, Hashable, Codable {
        /// A word for programs.
        public var reason: String?
        /// A sentence for people.
        public var message: String?
        /// The path of the field.
        public var field: String?
    }

    private enum CodingKeys: String, CodingKey {
        case kind
        case status
        case message
        case reason
        case code
        case details
    }

    /// Decodes a document of kind `Status` and nothing else.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard try container.decode(String.self, forKey: .kind) == "Status" else {
            throw DecodingError.dataCorruptedError(forKey: .kind, in: container, debugDescription: "not a Status")
        }
        status = try container.decodeIfPresent(String.self, forKey: .status)
        message = try container.decodeIfPresent(String.self, forKey: .message)
        reason = try container.decodeIfPresent(String.self, forKey: .reason)
        code = try container.decodeIfPresent(Int.self, forKey: .code)
        details = try container.decodeIfPresent(Details.self, forKey: .details)
    }

    /// Encodes the document.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode("Status", forKey: .kind)
        try container.encodeIfPresent(status, forKey: .status)
        try container.encodeIfPresent(message, forKey: .message)
        try container.encodeIfPresent(reason, forKey: .reason)
        try container.encodeIfPresent(code, forKey: .code)
        try container.encodeIfPresent(details, forKey: .details)
    }
}
