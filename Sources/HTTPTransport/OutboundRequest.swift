public import HTTPTypes

/// A request on its way out: where it goes, what it carries, and how long and how large the exchange may become.
public struct OutboundRequest: Sendable {
    /// The method, `GET` unless told otherwise.
    public var method: HTTPRequest.Method
    /// The absolute target; its path and query are sent as they are written.
    public var url: HTTPURL
    /// The header fields to send.
    ///
    /// Those that frame the message (`Host`, `Content-Length`, `Transfer-Encoding`, `Connection`, `Expect`) are the
    /// transport's and are refused. With `Accept-Encoding` the transport also undoes the encoding.
    public var headerFields: HTTPFields
    /// The body; `nil` sends none.
    public var body: [UInt8]?
    /// The bounds of this exchange.
    public var limits: ExchangeLimits
    /// Whom to trust, and who to be, over TLS.
    public var tls: TLSOptions

    /// Describes a request.
    public init(
        method: HTTPRequest.Method = .get,
        url: HTTPURL,
        headerFields: HTTPFields = [:],
        body: [UInt8]? = nil,
        limits: ExchangeLimits = ExchangeLimits(),
        tls: TLSOptions = .system
    ) {
        self.method = method
        self.url = url
        self.headerFields = headerFields
        self.body = body
        self.limits = limits
        self.tls = tls
    }
}

/// The bounds of one exchange.
///
/// Passing any of them ends it with a ``TransportError``.
public struct ExchangeLimits: Sendable, Hashable {
    /// From the start to an established (and TLS-secured) connection.
    ///
    /// Default 5 s.
    public var connect: Duration
    /// The longest silence of the server, before the head as well as within the body.
    ///
    /// Default 15 s.
    public var idle: Duration
    /// From the start to the last byte of the body; `nil` for streams without an end, such as a watch.
    ///
    /// Default 25 s.
    public var total: Duration?
    /// Bytes of all header fields of the answer together.
    ///
    /// Default 64 KiB.
    public var headerBytes: Int
    /// Bytes of the body, counted after decompression.
    ///
    /// Default 16 MiB.
    public var bodyBytes: Int

    /// Sets the bounds that differ from the defaults.
    public init(
        connect: Duration = .seconds(5),
        idle: Duration = .seconds(15),
        total: Duration? = .seconds(25),
        headerBytes: Int = 64 * 1024,
        bodyBytes: Int = 16 * 1024 * 1024
    ) {
        self.connect = connect
        self.idle = idle
        self.total = total
        self.headerBytes = headerBytes
        self.bodyBytes = bodyBytes
    }
}

/// Whom to trust, and who to be, over TLS.
///
/// Verification of the chain and of the host name cannot be turned off.
public struct TLSOptions: Sendable, Hashable {
    /// PEM certificates to trust in addition to, or instead of, the system's.
    public var certificateAuthorities: [UInt8]?
    /// Whether the system's certificate authorities are trusted, too.
    public var trustsSystem: Bool
    /// PEM certificate chain and PEM private key to present to the server.
    public var clientCertificate: ClientCertificate?

    /// A certificate chain with its private key, both PEM.
    public struct ClientCertificate: Sendable, Hashable {
        /// The PEM chain, leaf first.
        public var chain: [UInt8]
        /// The PEM private key, not encrypted.
        public var privateKey: [UInt8]

        /// Pairs a chain with its key.
        public init(chain: [UInt8], privateKey: [UInt8]) {
            self.chain = chain
            self.privateKey = privateKey
        }
    }

    /// The system's certificate authorities, and nobody in particular.
    public static let system = TLSOptions()

    /// Sets what differs from ``system``.
    public init(
        certificateAuthorities: [UInt8]? = nil,
        trustsSystem: Bool = true,
        clientCertificate: ClientCertificate? = nil
    ) {
        self.certificateAuthorities = certificateAuthorities
        self.trustsSystem = trustsSystem
        self.clientCertificate = clientCertificate
    }
}
