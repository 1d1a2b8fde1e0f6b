internal import HTTPTransport

/// Why a call to the API server has no result.
public struct KubernetesError: Error, Sendable, CustomStringConvertible {
    /// What went wrong, for callers to match and for metrics to count.
    public struct Code: Sendable, Hashable {
        /// A bounded, lower-case label.
        public let metricLabel: String

        /// An object of that name exists.
        public static let alreadyExists = Code(metricLabel: "already_exists")
        /// An object of that name is still being deleted; the name becomes free once it is gone.
        public static let alreadyExistsDeleting = Code(metricLabel: "already_exists_deleting")
        /// There is a newer version of the object, or another object under its name.
        public static let conflict = Code(metricLabel: "conflict")
        /// The object does not exist: the API server itself says so.
        public static let notFound = Code(metricLabel: "not_found")
        /// The API server knows the namespace or the resource not at all.
        public static let unknownResource = Code(metricLabel: "unknown_resource")
        /// The account lacks the right, or an admission check refused the object.
        public static let forbidden = Code(metricLabel: "forbidden")
        /// A ResourceQuota is used up.
        public static let quotaExceeded = Code(metricLabel: "quota_exceeded")
        /// The object, or a test of a patch, does not hold; trying again changes nothing.
        public static let invalid = Code(metricLabel: "invalid")
        /// The request cannot be understood.
        public static let badRequest = Code(metricLabel: "bad_request")
        /// The credentials are not accepted.
        public static let unauthorized = Code(metricLabel: "unauthorized")
        /// The credentials cannot be read, or not used; nothing was sent.
        public static let credentials = Code(metricLabel: "credentials")
        /// The version or continuation asked for is too old: list anew.
        public static let expired = Code(metricLabel: "expired")
        /// The API server wants to be asked later, and has done nothing.
        public static let tooManyRequests = Code(metricLabel: "too_many_requests")
        /// No answer in time, by this side's clock or the API server's.
        public static let timeout = Code(metricLabel: "timeout")
        /// The API server, or what stands before it, is not able to answer now.
        public static let unavailable = Code(metricLabel: "unavailable")
        /// The API server could not be reached, or the connection broke.
        public static let unreachable = Code(metricLabel: "unreachable")
        /// No trustworthy TLS connection could be made.
        public static let tls = Code(metricLabel: "tls")
        /// The API server failed within.
        public static let serverFailure = Code(metricLabel: "server_failure")
        /// The answer is not one that the API server gives: HTML, broken JSON, another kind, too large.
        public static let malformedAnswer = Code(metricLabel: "malformed_answer")
        /// A listing has more objects or pages than the caller allowed for.
        public static let tooMany = Code(metricLabel: "too_many")
        /// Anything else.
        public static let other = Code(metricLabel: "other")
    }

    /// What went wrong.
    public var code: Code
    /// The call.
    public var operation: KubernetesOperation
    /// The HTTP status, if there was an answer.
    public var status: Int?
    /// The word that the API server gives as its reason, such as `AlreadyExists`.
    public var reason: String?
    /// What the API server says, or what came instead of an answer: without secrets, at most 500 characters.
    public var message: String
    /// How long the API server wants to be left alone.
    public var retryAfter: Duration?

    init(
        _ code: Code, _ operation: KubernetesOperation, status: Int? = nil, reason: String? = nil, message: String,
        retryAfter: Duration? = nil
    ) {
        self.code = code
        self.operation = operation
        self.status = status
        self.reason = reason.map { redacted($0, limit: 100) }
        self.message = redacted(message, limit: 500)
        self.retryAfter = retryAfter
    }

    /// Whether the same call may succeed a moment later.
    public var isTransient: Bool {
        switch code {
        case .tooManyRequests, .timeout, .unavailable, .unreachable, .serverFailure: true
        default: false
        }
    }

    /// A bounded, lower-case label.
    public var metricLabel: String { code.metricLabel }

    /// What was tried, what came back, and what to do where that is known.
    public var description: String {
        let answer = [status.map(String.init), reason].compactMap(\.self).joined(separator: " ")
        let advice = advice.map { " (\($0))" } ?? ""
        return "\(operation) failed: \(answer.isEmpty ? "" : answer + ": ")\(message)\(advice)"
    }

    private var advice: String? {
        switch code {
        case .unauthorized: "check the token or certificate, and whether it has expired"
        case .forbidden:
            operation.access.map { access in
                let role = operation.namespace == nil ? "a ClusterRole of the account" : "the account's Role"
                return "allow \(access.verb) on \(access.target) in \(role) if it is missing"
            }
        case .quotaExceeded: "raise the ResourceQuota, or wait until others have ended"
        case .tls: "check the certificate authority in the cluster's credentials"
        case .unknownResource: "check that the namespace exists and that the address is that of a Kubernetes API server"
        default: nil
        }
    }
}
