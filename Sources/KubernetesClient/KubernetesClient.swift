internal import FoundationEssentials
public import HTTPTransport
internal import HTTPTypes
public import Logging

/// Talks to a cluster's API server about Jobs, Pods, logs, Leases and Events of one namespace.
///
/// Every call has a deadline of its own. Reads are tried again after transient failures and when the server asks to come
/// back later, within the deadline. Whatever changes something is tried again only after a 429, which says that nothing was
/// done: after a lost answer the caller has to look what became of the call.
public final class KubernetesClient: Sendable {
    /// How long calls may take and how much they may bring.
    public struct Limits: Sendable {
        /// From the start of a call to its result, with all tries, waits and pages.
        ///
        /// Default 10 s.
        public var call: Duration = .seconds(10)
        /// The largest answer of one request, in bytes.
        ///
        /// Default 16 MiB.
        public var answerBytes = 16 * 1024 * 1024
        /// Objects per page of a listing.
        ///
        /// Default 200.
        public var pageSize = 200
        /// Objects of one listing in all.
        ///
        /// Default 10,000.
        public var listedObjects = 10_000
        /// The longest event of a watch, in bytes.
        ///
        /// Default 4 MiB; the API server stores no object beyond 3 MiB.
        public var eventBytes = 4 * 1024 * 1024

        /// The defaults.
        public init() {}
    }

    /// The namespace that all calls are about.
    public let namespace: String
    /// The cluster.
    public let configuration: ClusterConfiguration

    let limits: Limits
    private let transport: any Transport
    private let streamTransport: any Transport
    let clock: any Clock<Duration>
    let watches: WatchAges
    private let retries: RetryPolicy
    private let logger: Logger

    /// Sets up calls; connects to nothing yet.
    /// - Parameters:
    ///   - streamTransport: carries logs that are followed, which last as long as a build: with connections of their own
    ///     they keep no other call waiting.
    ///   - namespace: a DNS label.
    ///   - clock: measures deadlines and waits between tries.
    public init(
        transport: any Transport,
        streamTransport: (any Transport)? = nil,
        configuration: ClusterConfiguration,
        namespace: String,
        limits: Limits = Limits(),
        clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger = Logger(label: "kubernetes", factory: { _ in SwiftLogNoOpLogHandler() })
    ) {
        self.transport = transport
        self.streamTransport = streamTransport ?? transport
        self.configuration = configuration
        self.namespace = namespace
        self.limits = limits
        self.clock = clock
        self.watches = WatchAges(clock: clock)
        self.logger = logger
        self.retries = RetryPolicy(total: limits.call)
    }

    // MARK: Calls

    /// What is sent: a path below the server's address, with what belongs to it.
    struct Call: Sendable {
        var operation: KubernetesOperation
        var method: HTTPRequest.Method = .get
        var path: [String]
        var query: [(name: String, value: String)] = []
        var body: [UInt8]?
        var contentType = "application/json"
        /// Whether the answer lasts until somebody ends it.
        var isFollowed = false

        /// Reads may be sent again whatever became of the first one.
        var isRead: Bool { method == .get }
    }

    /// The head and the whole body of a successful answer.
    struct Answer: Sendable {
        var fields: HTTPFields
        var body: [UInt8]
    }

    /// Sends a call, again where that is allowed, and brings the whole answer.
    /// - Parameter within: what is left of the caller's deadline.
    /// - Throws: ``KubernetesError`` for everything but a 2xx, and `CancellationError`.
    func answer(to call: Call, within deadline: Duration? = nil, isRepeatable: Bool? = nil) async throws -> Answer {
        var policy = retries
        if let deadline { policy.total = deadline }
        let isRepeatable = isRepeatable ?? call.isRead
        return try await policy.run(clock: clock) { number, remaining in
            do {
                let answer = try await KubernetesMetrics.counted(call.operation) {
                    try await self.singleAnswer(to: call, within: remaining)
                }
                return .done(answer)
            } catch let error as KubernetesError {
                guard error.code == .tooManyRequests || isRepeatable && error.isTransient else { throw error }
                self.logger.debug(
                    "kubernetes call failed and may be tried again",
                    metadata: [
                        "operation": "\(call.operation)", "attempt": "\(number)", "code": "\(error.metricLabel)",
                    ])
                return .again(after: error.retryAfter, failure: error)
            }
        }
    }

    private func singleAnswer(to call: Call, within remaining: Duration) async throws -> Answer {
        let exchange = ExchangeLimits(
            idle: min(remaining, .seconds(15)), total: remaining, bodyBytes: limits.answerBytes)
        let response = try await send(call, limits: exchange)
        let body: [UInt8]
        do {
            body = try await response.body.collect(upTo: limits.answerBytes)
        } catch let failure as TransportError {
            throw KubernetesError(failure, during: call.operation)
        }
        guard response.status.kind == .successful else {
            throw failure(response, body: body, of: call.operation)
        }
        return Answer(fields: response.headerFields, body: body)
    }

    /// Sends a call once and brings the head, with the body streaming behind it, of an answer that is a 2xx.
    /// - Parameter headWithin: how long the head may take; `nil` leaves it to the limits.
    func stream(
        _ call: Call, limits exchange: ExchangeLimits, headWithin deadline: Duration? = nil
    ) async throws -> ResponseBody {
        try await KubernetesMetrics.counted(call.operation) {
            try await self.opened(call, limits: exchange, headWithin: deadline)
        }
    }

    private func opened(
        _ call: Call, limits exchange: ExchangeLimits, headWithin deadline: Duration?
    ) async throws -> ResponseBody {
        let response: InboundResponse
        if let deadline {
            response = try await withThrowingTaskGroup(of: InboundResponse.self) { group in
                group.addTask { try await self.send(call, limits: exchange) }
                group.addTask {
                    try await self.clock.sleep(for: deadline)
                    throw KubernetesError(.timeout, call.operation, message: "no answer began within \(deadline)")
                }
                defer { group.cancelAll() }
                guard let first = try await group.next() else { throw CancellationError() }
                return first
            }
        } else {
            response = try await send(call, limits: exchange)
        }
        if response.status.kind == .successful { return response.body }
        // An error's body is short; of one that is not, the status says enough.
        var body: [UInt8] = []
        do {
            body = try await response.body.collect(upTo: 256 * 1024)
        } catch let failure as TransportError where failure.isTransient {
            // What the API server wanted to say is not known, so it cannot be taken for final.
            var error = KubernetesError(failure, during: call.operation)
            error.status = response.status.code
            throw error
        } catch is TransportError {}
        throw failure(response, body: body, of: call.operation)
    }

    private func failure(
        _ response: InboundResponse, body: [UInt8], of operation: KubernetesOperation
    ) -> KubernetesError {
        KubernetesError(answer: response.status, fields: response.headerFields, body: body, to: operation, now: Date())
    }

    private func send(_ call: Call, limits exchange: ExchangeLimits) async throws -> InboundResponse {
        if let namespace = call.operation.namespace { _ = try checked(namespace, call.operation) }
        let presented: ClusterCredentials.Presented
        do {
            presented = try configuration.credentials.current()
        } catch {
            throw KubernetesError(.credentials, call.operation, message: error.description)
        }
        var url = configuration.server
        for segment in call.path { url = url.appending(path: segment) }
        var fields: HTTPFields = [.accept: "application/json", .userAgent: "registry-query"]
        fields[.authorization] = presented.authorization
        if call.body != nil { fields[.contentType] = call.contentType }
        let request = OutboundRequest(
            method: call.method, url: url.appending(query: call.query), headerFields: fields, body: call.body,
            limits: exchange, tls: presented.tls)
        do {
            return try await (call.isFollowed ? streamTransport : transport).send(request)
        } catch let failure as TransportError {
            throw KubernetesError(failure, during: call.operation)
        }
    }

    /// Runs `body` with a function that tells what is left of a call's deadline.
    func withDeadline<Result>(
        _ body: (_ remaining: () -> Duration) async throws -> Result
    ) async throws -> Result {
        func run<Time: Clock<Duration>>(on clock: Time) async throws -> Result {
            let end = clock.now.advanced(by: limits.call)
            return try await body { clock.now.duration(to: end) }
        }
        return try await run(on: clock)
    }

    // MARK: Documents

    /// Decodes an answer of a kind.
    func decoded<Document: Decodable>(
        _ type: Document.Type, from bytes: [UInt8], of operation: KubernetesOperation, kind: String?
    ) throws(KubernetesError) -> Document {
        do {
            let answer = try JSONDecoder().decode(Kinded<Document>.self, from: Data(bytes))
            if let kind, answer.kind != kind {
                throw KubernetesError(
                    .malformedAnswer, operation, message: "the answer is of another kind than \(kind)")
            }
            return try answer.document.get()
        } catch let error as KubernetesError {
            throw error
        } catch {
            throw KubernetesError(
                .malformedAnswer, operation,
                message: "the answer cannot be read: \(reason(error)); it begins with "
                    + "\"\(String(decoding: bytes.prefix(80), as: UTF8.self))\"")
        }
    }

    /// `/api/v1/namespaces/NAME/RESOURCE` or `/apis/GROUP/VERSION/namespaces/NAME/RESOURCE`, and what follows.
    func path(_ kind: ResourceKind, _ rest: String...) -> [String] {
        (kind.group.isEmpty ? ["api"] : ["apis", kind.group]) + [kind.version, "namespaces", namespace, kind.resource]
            + rest
    }

    /// A call about one object, or about all of a kind.
    func operation(_ verb: String, _ kind: ResourceKind, _ subresource: String? = nil, object: String? = nil)
        -> KubernetesOperation
    {
        KubernetesOperation(ResourceAccess(verb, kind, subresource), object: object, namespace: namespace)
    }

    /// A name that may stand in a path; objects never have others.
    /// - Throws: ``KubernetesError`` with code ``KubernetesError/Code/invalid``; nothing has been sent.
    func checked(_ name: String, _ operation: KubernetesOperation) throws(KubernetesError) -> String {
        let isName =
            (1...253).contains(name.utf8.count) && name.first != "." && name.first != "-"
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x2E
            }
        guard isName else {
            throw KubernetesError(.invalid, operation, message: "this is no name that an object can have")
        }
        return name
    }
}

/// A document and what it says it is, read in one go.
private struct Kinded<Document: Decodable>: Decodable {
    var kind: String?
    var document: Result<Document, any Error>

    private enum CodingKeys: String, CodingKey {
        case kind
    }

    init(from decoder: any Decoder) throws {
        kind = try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(String.self, forKey: .kind)
        document = Result { try Document(from: decoder) }
    }
}

/// What a decoder found wrong, and where, without the value.
private func reason(_ error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
        path.isEmpty ? "the document" : path.map(\.stringValue).joined(separator: ".")
    }
    return switch error {
    case DecodingError.keyNotFound(let key, let context): "\(place(context.codingPath + [key])) is missing"
    case DecodingError.typeMismatch(_, let context): "\(place(context.codingPath)) is of another type"
    case DecodingError.valueNotFound(_, let context): "\(place(context.codingPath)) is null"
    case DecodingError.dataCorrupted(let context): "\(place(context.codingPath)): \(context.debugDescription)"
    default: "it is no JSON"
    }
}
