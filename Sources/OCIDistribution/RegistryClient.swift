public import HTTPTransport
internal import HTTPTypes
public import Logging

/// The conversation with one registry: tags, manifests, image configurations.
///
/// Every operation is complete or an error, ends within ``Configuration-swift.struct/deadline``, and only reads or
/// writes what it may write twice: so what fails transiently is tried again. Cancelling the calling task ends it at
/// once, with `CancellationError`.
public final class RegistryClient: Sendable {
    /// Which registry it is, and how far it is trusted.
    public struct Configuration: Sendable {
        /// The registry's host in image references.
        public var registry: RegistryHost
        /// Where its API is reached, without `/v2`; plain http only if the operator says so here.
        public var endpoint: HTTPURL
        /// Whom to trust, and who to be, over TLS.
        ///
        /// A client certificate is shown to the registry only.
        public var tls: TLSOptions
        /// Hosts other than the registry's that credentials may be sent to for a token.
        public var allowedTokenRealms: [RegistryHost]
        /// How transient failures are tried again; its total is cut to what the deadline leaves.
        public var retry: RetryPolicy
        /// The time for a whole operation, whatever it consists of.
        ///
        /// Default 20 s.
        public var deadline: Duration
        /// The most pages of one listing.
        ///
        /// Default 1,000.
        public var mostPages: Int
        /// The most tags, or repositories, of one listing, counted before anything is left out.
        ///
        /// Default 200,000.
        public var mostTags: Int
        /// The most bytes of all pages of one listing.
        ///
        /// Default 32 MiB, which is more than the most tags of the greatest length.
        public var mostListingBytes: Int
        /// How many tags to ask for per page; `nil`, the default, asks for no number.
        ///
        /// Registries disagree on which numbers they allow (100 here, 1,000 there, errors beyond), and the one this
        /// service was made for ignores it: without a number each answers in its own way, and the `Link` leads on.
        public var pageSize: Int?
        /// The value of the `User-Agent` field.
        public var userAgent: String

        /// Sets what differs from the defaults.
        public init(
            registry: RegistryHost, endpoint: HTTPURL, tls: TLSOptions = .system,
            allowedTokenRealms: [RegistryHost] = [], retry: RetryPolicy = RetryPolicy(),
            deadline: Duration = .seconds(20), mostPages: Int = 1000,
            mostTags: Int = 200_000, mostListingBytes: Int = 32 << 20, pageSize: Int? = nil,
            userAgent: String = "registry-query"
        ) {
            self.registry = registry
            self.endpoint = endpoint
            self.tls = tls
            self.allowedTokenRealms = allowedTokenRealms
            self.retry = retry
            self.deadline = deadline
            self.mostPages = mostPages
            self.mostTags = mostTags
            self.mostListingBytes = mostListingBytes
            self.pageSize = pageSize
            self.userAgent = userAgent
        }

        /// The endpoint's host as Docker configurations name it.
        public var endpointHost: RegistryHost {
            // An HTTPURL's authority may have underscores, which no registry's name has: the reference's name is what
            // is left.
            (try? RegistryHost(endpoint.authority)) ?? registry
        }

        /// The names under which credentials are looked for, the endpoint's own first.
        var credentialHosts: [RegistryHost] { endpointHost == registry ? [registry] : [endpointHost, registry] }

        /// The options for a URL: the client certificate is for the registry alone.
        func tls(for url: HTTPURL) -> TLSOptions {
            var options = tls
            if url.host != endpoint.host { options.clientCertificate = nil }
            return options
        }
    }

    /// What the client was made with.
    public let configuration: Configuration

    let clock: any Clock<Duration>
    let logger: Logger
    private let credentials: CredentialStore
    private let exchange: Exchange
    let authenticator: Authenticator

    private static let mostRedirects = 5

    /// Makes a client for one registry.
    ///
    /// It holds what it learns about the registry, so one should live as long as the service.
    public init(
        configuration: Configuration, transport: any Transport, credentials: CredentialStore,
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        self.configuration = configuration
        self.credentials = credentials
        self.clock = clock
        self.logger = logger
        exchange = Exchange(transport: transport, userAgent: configuration.userAgent)
        authenticator = Authenticator(
            configuration: configuration, credentials: credentials, exchange: exchange, clock: clock)
    }

    /// Asks the registry whether it is there and lets this service in.
    /// - Throws: ``RegistryError``, or `CancellationError`.
    /// Spec: OCI distribution specification 1.1, end-1.
    @concurrent
    public func ping() async throws {
        let operation = "reach the registry \(configuration.endpoint.withoutQuery)"
        try await perform(operation) { ask in
            // The slash belongs to it: without it, registries redirect.
            let url = self.configuration.endpoint.appending(path: "v2", "")
            let answer = try await ask.answer(to: Ask.Request(url: url, bodyBytes: 64 * 1024))
            guard answer.status == 200 else { throw RegistryError(answer, operation: operation) }
        }
    }

    // MARK: How an operation runs

    /// One operation under way: what it is, and how much time it has.
    struct Ask: Sendable {
        struct Request: Sendable {
            var method: HTTPRequest.Method = .get
            var url: HTTPURL
            var accept: [String] = ["application/json"]
            /// What is sent, with its media type.
            var content: (type: String, bytes: [UInt8])?
            var bodyBytes: Int
        }

        let client: RegistryClient
        let purpose: Authenticator.Purpose
        let deadline: Deadline

        /// The answer of any status but a transient one, which is an error once trying again did not help.
        func answer(to request: Request) async throws -> RegistryAnswer {
            try await client.retried(request, self)
        }
    }

    /// Runs an operation within the deadline.
    func perform<Value: Sendable>(
        _ operation: String, in repository: Repository? = nil, access: TokenScope.Access = .pull,
        _ body: @escaping @Sendable (Ask) async throws -> Value
    ) async throws -> Value {
        let ask = Ask(
            client: self,
            purpose: Authenticator.Purpose(repository: repository, access: access, operation: operation),
            deadline: Deadline(after: configuration.deadline, on: clock))
        do {
            return try await withDeadline(configuration.deadline, clock: clock) { try await body(ask) }
        } catch is DeadlineExceeded {
            throw RegistryError(
                .timeout, operation: operation, summary: "there was no complete answer within \(configuration.deadline)"
            )
        } catch var error as RegistryError {
            switch error.code {
            case .unauthorized:
                error.advice =
                    "Check the credentials for "
                    + configuration.credentialHosts.map(\.description).joined(separator: " or ")
                    + " in \(credentials.place)" + (access == .push ? "; they must allow pushing" : "")
            case .denied where access == .push:
                error.advice = "Check that the credentials allow pushing to this repository"
            default:
                break
            }
            throw error
        }
    }

    private func retried(_ request: Ask.Request, _ ask: Ask) async throws -> RegistryAnswer {
        var policy = configuration.retry
        policy.total = min(policy.total, ask.deadline.remaining)
        let operation = ask.purpose.operation
        return try await policy.run(clock: clock) { _, _ in
            do {
                let answer = try await measured(request, ask)
                guard RegistryError.transientStatuses.contains(answer.status) else { return .done(answer) }
                return .again(after: answer.retryAfter, failure: RegistryError(answer, operation: operation))
            } catch let error as TransportError {
                let failure = RegistryError(error, operation: operation)
                guard error.isTransient else { throw failure }
                return .again(after: nil, failure: failure)
            }
        }
    }

    /// What is counted is one try with everything that it takes: credentials, redirects, the body.
    private func measured(_ request: Ask.Request, _ ask: Ask) async throws -> RegistryAnswer {
        try await RegistryMetrics.measured(
            RegistryMetrics.Operation(request.method, request.url), clock: clock,
            isLate: { ask.deadline.remaining == .zero },
            outcome: { answer in
                (200..<300).contains(answer.status)
                    ? RegistryMetrics.ok : RegistryError(answer, operation: ask.purpose.operation).metricLabel
            },
            { try await authorized(request, ask) })
    }

    /// The answer once the registry has let the request in, or has refused everything there is to show.
    private func authorized(_ request: Ask.Request, _ ask: Ask) async throws -> RegistryAnswer {
        var refused: [Authorization] = []
        var authorization = try await authenticator.authorization(for: ask.purpose)
        while true {
            let answer = try await followed(request, authorization, ask)
            guard [401, 403].contains(answer.status) else {
                await authenticator.accepted(authorization, for: ask.purpose)
                return answer
            }
            refused.append(authorization)
            // Credentials and a renewal: finite by the authenticator's rules, and bounded here whatever those come to.
            guard answer.isFromRegistry, refused.count < CredentialStore.mostCandidates + 3,
                let next = try await authenticator.authorization(after: refused, answer: answer, for: ask.purpose)
            else { return answer }
            authorization = next
        }
    }

    /// The answer after redirects.
    ///
    /// The `Authorization` goes to the registry's own scheme, host and port only.
    private func followed(_ request: Ask.Request, _ authorization: Authorization, _ ask: Ask) async throws
        -> RegistryAnswer
    {
        var url = request.url
        for _ in 0...Self.mostRedirects {
            let isRegistry = url.isSameOrigin(as: configuration.endpoint)
            var outbound = OutboundRequest(
                method: request.method, url: url, limits: ExchangeLimits(bodyBytes: request.bodyBytes),
                tls: configuration.tls(for: url))
            outbound.limits.total = min(outbound.limits.total ?? ask.deadline.remaining, ask.deadline.remaining)
            outbound.headerFields[.accept] = request.accept.joined(separator: ", ")
            if isRegistry {
                outbound.headerFields[.authorization] = authorization.fieldValue
                outbound.headerFields.traceparent = Correlation.current?.traceparent
            }
            if let content = request.content {
                outbound.headerFields[.contentType] = content.type
                outbound.body = content.bytes
            }
            let answer = try await exchange.answer(to: outbound, isRegistry: isRegistry)
            report(warningsOf: answer, ask)
            guard [301, 302, 303, 307, 308].contains(answer.status),
                let location = answer.headerFields[values: .location].first
            else { return answer }
            url = try redirected(from: url, to: location, isWrite: request.content != nil, ask)
        }
        throw RegistryError(
            .untrustedAddress, operation: ask.purpose.operation,
            summary: "\(request.url.authority) redirected more than \(Self.mostRedirects) times")
    }

    private func redirected(from url: HTTPURL, to location: String, isWrite: Bool, _ ask: Ask) throws -> HTTPURL {
        func refused(_ reason: String) -> RegistryError {
            RegistryError(
                .untrustedAddress, operation: ask.purpose.operation,
                summary:
                    "\(url.authority) redirected to "
                    + "\"\(redacted(location.prefix { $0 != "?" }, limit: 200))\": \(reason)"
            )
        }
        // What is to be written here must not end up anywhere else, nor as another method.
        guard !isWrite else { throw refused("a write is not taken there; the address must be the registry's own") }
        let target: HTTPURL
        do {
            target = try url.resolving(location)
        } catch {
            throw refused(error.description)
        }
        guard target.scheme == .https || url.scheme == .http else { throw refused("that would leave https") }
        guard !IPAddress.isInternal(host: target.host) || target.host == configuration.endpoint.host else {
            throw refused("that is an internal address")
        }
        return target
    }

    /// Spec: OCI distribution specification 1.1, "Warnings": they are reported and change nothing.
    private func report(warningsOf answer: RegistryAnswer, _ ask: Ask) {
        for warning in answer.headerFields.values(of: "Warning").prefix(4) where warning.hasPrefix("299 ") {
            logger.info(
                "registry warns",
                metadata: ["operation": "\(ask.purpose.operation)", "warning": "\(redacted(warning, limit: 200))"])
        }
    }
}
