internal import HTTPTransport

/// Why a registry did not give what it was asked for.
///
/// It carries the registry's own words, without secrets and shortened. Cancellation is never turned into it.
public struct RegistryError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is, for callers to match.
    public var code: Code
    /// What was asked, such as `list the tags of registry.example.com/webapp/app-example`.
    public var operation: String
    /// What came back, without a full stop: the registry's status, code and message, or what is wrong with the answer.
    public var summary: String
    /// What a person can do about it, a sentence; empty where there is nothing to say.
    public var advice: String
    /// The status of the answer; `nil` without an answer.
    public var status: Int?
    /// How long the registry asked to wait.
    public var retryAfter: Duration?
    /// Whether the same request may succeed a moment later.
    public var isTransient: Bool

    /// Describes a failure.
    ///
    /// `isTransient` and `advice` follow from the code unless they are given.
    public init(
        _ code: Code, operation: String, summary: String, advice: String? = nil, status: Int? = nil,
        retryAfter: Duration? = nil, isTransient: Bool? = nil
    ) {
        self.code = code
        self.operation = operation
        self.summary = summary
        self.advice = advice ?? code.advice
        self.status = status
        self.retryAfter = retryAfter
        self.isTransient = isTransient ?? [.tooManyRequests, .unavailable, .timeout].contains(code)
    }

    /// A bounded, lower-case label: codes that nobody specified share one.
    public var metricLabel: String { Code.known.contains(code) ? code.rawValue.lowercased() : "other" }

    /// The whole story: what was asked, what came back, what to do.
    public var description: String {
        "cannot \(operation): \(summary)" + (advice.isEmpty ? "" : ". \(advice)")
    }
}

extension RegistryError {
    /// The kind of a failure: a registry's own code in capitals, or one of this client's in lower case.
    ///
    /// Codes are open: what a registry invents survives as it is.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The code as it is written.
        public let rawValue: String

        /// Wraps a code.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The code as it is written.
        public var description: String { rawValue }

        // MARK: The registry's own. Spec: OCI distribution specification 1.1, "Error codes".

        /// The registry does not know a blob.
        public static let blobUnknown = Code(rawValue: "BLOB_UNKNOWN")
        /// The registry knows the repository, but not this manifest.
        public static let manifestUnknown = Code(rawValue: "MANIFEST_UNKNOWN")
        /// The registry itself says that it does not know the repository.
        ///
        /// Nothing else leads to this code.
        public static let nameUnknown = Code(rawValue: "NAME_UNKNOWN")
        /// The registry does not allow the repository's name.
        public static let nameInvalid = Code(rawValue: "NAME_INVALID")
        /// The credentials are missing or wrong (401).
        public static let unauthorized = Code(rawValue: "UNAUTHORIZED")
        /// The credentials do not allow it (403).
        public static let denied = Code(rawValue: "DENIED")
        /// The registry cannot do what was asked.
        public static let unsupported = Code(rawValue: "UNSUPPORTED")
        /// Too much was asked in too short a time (429).
        public static let tooManyRequests = Code(rawValue: "TOOMANYREQUESTS")
        /// The registry refuses the page size.
        public static let paginationNumberInvalid = Code(rawValue: "PAGINATION_NUMBER_INVALID")

        // MARK: This client's

        /// The registry cannot be reached, or failed with a 5xx.
        public static let unavailable = Code(rawValue: "unavailable")
        /// There was no complete answer in time.
        public static let timeout = Code(rawValue: "timeout")
        /// The answer is not what the specification says: no JSON, other bytes than the digest says, a missing field.
        public static let malformedAnswer = Code(rawValue: "malformed_answer")
        /// The answer is larger than this client reads.
        public static let truncated = Code(rawValue: "truncated")
        /// The pages of a listing do not form a chain: a loop, a link that leads elsewhere, a page that is gone.
        public static let pageChain = Code(rawValue: "page_chain")
        /// Something answered 404, but not with a registry's error body.
        public static let notFound = Code(rawValue: "not_found")
        /// The registry sent the client somewhere it must not go: a realm or a redirect to a foreign or insecure place.
        public static let untrustedAddress = Code(rawValue: "untrusted_address")
        /// The registry asks for credentials in a way that this client does not know.
        public static let unknownChallenge = Code(rawValue: "unknown_challenge")
        /// TLS could not be agreed on: an unknown authority, another name, expired.
        public static let tls = Code(rawValue: "tls")
        /// Any other status.
        public static let unexpectedStatus = Code(rawValue: "unexpected_status")
        /// The request could not be sent at all.
        public static let notSent = Code(rawValue: "not_sent")

        static let known: Set<Code> = [
            .blobUnknown, .manifestUnknown, .nameUnknown, .nameInvalid, .unauthorized, .denied, .unsupported,
            .tooManyRequests, .paginationNumberInvalid, .unavailable, .timeout, .malformedAnswer, .truncated,
            .pageChain, .notFound, .untrustedAddress, .unknownChallenge, .tls, .unexpectedStatus, .notSent,
        ]

        var advice: String {
            switch self {
            case .unauthorized: "Check the credentials for this registry in the Docker configuration"
            case .denied: "Check that the credentials allow pulling from this repository"
            case .tooManyRequests: "Try again later"
            case .unavailable, .timeout: "Check that the registry is up and reachable, and try again"
            case .malformedAnswer, .notFound:
                "Check that the address is that of a registry, not of a proxy or a login page"
            case .pageChain:
                "Check that the registry and the proxies before it agree on the address they are reached at"
            case .tls: "Check the registry's certificate and the extra certificate authority (REGISTRY_CA_FILE)"
            default: ""
            }
        }
    }
}

extension RegistryError {
    /// What a failed exchange means.
    init(_ error: TransportError, operation: String) {
        let code: Code =
            switch error.code {
            case .idleTimeout, .totalTimeout: .timeout
            case .nameResolution, .connect, .connectionLost, .shutDown: .unavailable
            case .bodyTooLarge, .headerTooLarge: .truncated
            case .malformedResponse: .malformedAnswer
            case .tls: .tls
            default: .notSent
            }
        self.init(code, operation: operation, summary: error.description, isTransient: error.isTransient)
    }
}
