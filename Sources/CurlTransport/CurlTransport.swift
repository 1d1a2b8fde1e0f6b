public import HTTPTransport
import HTTPTypes
public import Logging

/// The transport over libcurl: one thread, pooled HTTP/1.1 connections, TLS by OpenSSL.
///
/// `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` of the environment count as ``Configuration/proxies`` says, and not
/// where addresses are refused: the address would be the proxy's. Nothing is started before the first request. A transport that is dropped without ``shutDown()`` ends on its own, once the bodies it still delivers are
/// read or dropped.
public final class CurlTransport: Transport {
    /// Which requests go through proxies of the environment.
    public enum Proxies: Sendable {
        /// Whatever the environment says.
        case allRequests
        /// Those over TLS, of which a proxy sees the host only.
        ///
        /// It would read all of the others, credentials included.
        case encryptedRequests
    }

    /// How many connections there may be, and what the transport calls itself.
    public struct Configuration: Sendable {
        /// The `User-Agent` of requests that have none.
        public var userAgent: String
        /// Exchanges with one host at a time; further ones wait.
        ///
        /// Default 32.
        public var connectionsPerHost: Int
        /// Exchanges with all hosts at a time, and connections that are kept for further ones.
        ///
        /// Default 128.
        public var connections: Int
        /// Requests that wait for a connection, before further ones fail at once.
        ///
        /// Default 1024.
        public var waitingRequests: Int
        /// How long a request waits for a connection before its own limits begin to count.
        ///
        /// Default 15 s.
        public var longestWait: Duration
        /// Which requests go through proxies of the environment.
        ///
        /// Default ``Proxies/allRequests``.
        public var proxies: Proxies
        /// Addresses that must not be connected to, whatever name led there; with it, no proxy is used.
        ///
        /// Asked about the very address of each new connection, so that a name server cannot change its mind after a
        /// check. The other addresses of the name are tried; if there is none, the request fails with
        /// ``TransportError/Code/addressRefused``. Called on the transport's own thread, and must not block. Default none.
        public var refusesAddress: (@Sendable (IPAddress) -> Bool)?

        /// Sets what differs from the defaults.
        public init(
            userAgent: String = "registry-query",
            connectionsPerHost: Int = 32,
            connections: Int = 128,
            waitingRequests: Int = 1024,
            longestWait: Duration = .seconds(15),
            proxies: Proxies = .allRequests,
            refusesAddress: (@Sendable (IPAddress) -> Bool)? = nil
        ) {
            self.userAgent = userAgent
            self.connectionsPerHost = connectionsPerHost
            self.connections = connections
            self.waitingRequests = waitingRequests
            self.longestWait = longestWait
            self.proxies = proxies
            self.refusesAddress = refusesAddress
        }
    }

    let engine: Engine
    private let logger: Logger

    /// Makes a transport, which costs nothing until it is used.
    public init(configuration: Configuration = Configuration(), logger: Logger) {
        self.logger = logger
        let gate = ConnectionGate(
            ConnectionGate.Limits(
                perHost: configuration.connectionsPerHost, total: configuration.connections,
                waiting: configuration.waitingRequests, longestWait: configuration.longestWait))
        engine = Engine(
            CurlLoop(
                gate: gate,
                settings: CurlLoop.Settings(
                    userAgent: configuration.userAgent, keptConnections: configuration.connections,
                    proxies: configuration.proxies, refusesAddress: configuration.refusesAddress)))
    }

    init(engine: Engine, logger: Logger) {
        self.engine = engine
        self.logger = logger
    }

    /// Sends a request and returns once the head of the final answer has arrived; the body streams behind it.
    ///
    /// When as many exchanges with the host go on as may, it waits for one of them to end; its limits count from then on.
    /// - Throws: ``TransportError``, or `CancellationError` when the calling task was cancelled.
    public func send(_ request: OutboundRequest) async throws -> InboundResponse {
        try Task.checkCancellation()
        try request.validate()
        let exchange = Exchange(request, on: engine.loop)
        do {
            try engine.loop.startIfNeeded()
            let permit = try await engine.loop.gate.enter(ConnectionGate.Origin(request.url))
            let head = try await exchange.start(with: permit)
            logger.trace(
                "answer began",
                metadata: ["request": "\(exchange.summary)", "status": "\(head.status)"])
            return InboundResponse(
                status: .init(code: head.status), headerFields: head.fields, body: body(of: exchange))
        } catch {
            logger.trace("no answer", metadata: ["request": "\(exchange.summary)", "reason": "\(error)"])
            throw error
        }
    }

    /// Fails what is in flight with ``TransportError/Code/shutDown``, closes all connections and ends the thread.
    ///
    /// May be called any number of times; each call returns after the end.
    public func shutDown() async { await engine.loop.stopAndJoin() }

    private func body(of exchange: Exchange) -> ResponseBody {
        let reading = Reading(exchange, engine)
        return ResponseBody { { try await reading.exchange.next() } }
    }

    /// What keeps the thread going: the transport, and each body that somebody may still read.
    final class Engine: Sendable {
        let loop: CurlLoop

        init(_ loop: CurlLoop) { self.loop = loop }

        deinit { loop.stopAndDetach() }
    }

    /// A body that somebody may read; dropping it ends the exchange.
    private final class Reading: Sendable {
        let exchange: Exchange
        private let engine: Engine

        init(_ exchange: Exchange, _ engine: Engine) {
            self.exchange = exchange
            self.engine = engine
        }

        deinit { exchange.abandon() }
    }
}
