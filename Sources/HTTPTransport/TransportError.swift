/// Why an exchange did not come to its end.
///
/// An answer of any status is no error.
public struct TransportError: Error, Sendable, CustomStringConvertible {
    /// What went wrong, for callers to match and for metrics to count.
    public struct Code: Sendable, Hashable {
        /// A bounded, lower-case label.
        public let metricLabel: String

        /// The host name could not be resolved.
        public static let nameResolution = Code(metricLabel: "name_resolution")
        /// No connection could be made, or not in time.
        public static let connect = Code(metricLabel: "connect")
        /// Every address of the host is one that must not be connected to.
        public static let addressRefused = Code(metricLabel: "address_refused")
        /// The TLS handshake failed: unknown authority, expired, another name, or no common protocol.
        public static let tls = Code(metricLabel: "tls")
        /// The server was silent for longer than ``ExchangeLimits/idle``.
        public static let idleTimeout = Code(metricLabel: "idle_timeout")
        /// The exchange took longer than ``ExchangeLimits/total``.
        public static let totalTimeout = Code(metricLabel: "total_timeout")
        /// The connection broke, before the head or within the body.
        public static let connectionLost = Code(metricLabel: "connection_lost")
        /// The server does not speak HTTP as specified.
        public static let malformedResponse = Code(metricLabel: "malformed_response")
        /// The header fields were longer than ``ExchangeLimits/headerBytes``.
        public static let headerTooLarge = Code(metricLabel: "header_too_large")
        /// The body was longer than ``ExchangeLimits/bodyBytes``.
        public static let bodyTooLarge = Code(metricLabel: "body_too_large")
        /// The request cannot be sent: a scheme other than http(s), or a header field with illegal bytes.
        public static let invalidRequest = Code(metricLabel: "invalid_request")
        /// The transport has been shut down.
        public static let shutDown = Code(metricLabel: "shut_down")
        /// Anything else the library reports.
        public static let other = Code(metricLabel: "other")
    }

    /// What went wrong.
    public var code: Code
    /// One sentence without secrets: what was tried and what came of it.
    public var description: String

    /// Describes a failed exchange.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// Whether the same request may succeed a moment later.
    public var isTransient: Bool {
        switch code {
        case .nameResolution, .connect, .idleTimeout, .totalTimeout, .connectionLost: true
        default: false
        }
    }
}
