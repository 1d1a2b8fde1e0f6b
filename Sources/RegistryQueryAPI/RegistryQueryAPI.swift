public import Builds
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import ServiceLifecycle

/// The HTTP interface: routes, access, problem documents.
///
/// It runs as a service. When the service group shuts down gracefully, no new connection is accepted, what is in flight
/// is finished, waits end early with what is known, and streams break off.
public struct RegistryQueryAPI: Service {
    /// What an operator decides about the interface, and its limits.
    public struct Configuration: Sendable {
        /// The address or name to listen on, `127.0.0.1` by default.
        public var host: String
        /// The port to listen on; 0 takes a free one; 8080 by default.
        public var port: Int
        /// Who may call.
        public var access: Access
        /// Where builds may have callbacks sent to; nowhere by default.
        public var callbackTargets = CallbackTargets.none
        /// Which pushes are built when GitHub tells of them; `nil` by default, which takes none.
        public var github: GitHubWebhook?
        /// Brings the metrics of the process; none by default.
        public var metrics: @Sendable () -> MetricsText = { .none }
        /// How long an answer takes at most, without the wait that a caller asked for, 28 s by default.
        public var answerWithin: Duration = .seconds(28)
        /// How long the body of a request may take to arrive, 15 s by default.
        public var bodyWithin: Duration = .seconds(15)
        /// How long a log or the events of a build are followed, 2 h by default.
        public var streamsWithin: Duration = .seconds(7200)
        /// How often a stream of events without news says that it lives, 15 s by default.
        public var heartbeat: Duration = .seconds(15)
        /// How long a connection may be idle between requests or within one, 75 s by default.
        public var idleTimeout: Duration = .seconds(75)
        /// The largest body of a request, in bytes, 1 MiB by default.
        public var maximumBodyBytes = 1 << 20
        /// How many connections are open at most; 1024 by default; more have to wait.
        public var maximumConnections = 1024
        /// Measures how long answers to failed attempts are put off, and how long streams last.
        var clock: any Clock<Duration> = ContinuousClock()

        /// Takes an address and who may call there; see
        /// ``Access/init(tokens:serviceAccounts:listeningOn:allowAnonymous:)``.
        public init(host: String = "127.0.0.1", port: Int = 8080, access: Access) {
            self.host = host
            self.port = port
            self.access = access
        }
    }

    private let configuration: Configuration
    private let logger: Logger
    private let responder: Responder
    private let readiness: Readiness
    private let onListening: @Sendable (Int) async -> Void

    /// Puts the interface together.
    /// - Parameters:
    ///   - onListening: Called with the port once connections are accepted.
    public init(
        versions: VersionService, builds: BuildService, configuration: Configuration, logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        let readiness = Readiness(
            [
                .init(name: "registry") { try await versions.checkReadiness() },
                .init(name: "builder") { try await builds.checkReadiness() },
            ], clock: ContinuousClock(), logger: logger)
        self.configuration = configuration
        self.logger = logger
        self.readiness = readiness
        self.onListening = onListening
        self.responder = Responder(
            gatekeeper: Gatekeeper(access: configuration.access, listenHost: configuration.host),
            failures: FailureThrottle(clock: configuration.clock),
            table: Self.table(versions: versions, builds: builds, readiness: readiness),
            configuration: configuration, logger: logger)
    }

    /// All routes.
    var routes: [Route] { responder.table.routes }

    private static func table(versions: VersionService, builds: BuildService, readiness: Readiness) -> RouteTable {
        RouteTable(
            routes: VersionRoutes(versions: versions).routes + BuildRoutes(builds: builds).routes
                + WebappRoutes(builds: builds).routes
                + EventRoutes(feed: BuildFeed { builds.snapshots() }).routes
                + WebhookRoutes(versions: versions, builds: builds).routes + ServiceRoutes(readiness: readiness).routes)
    }

    /// Listens and answers until the service group shuts down.
    /// - Throws: An error when it cannot listen.
    public func run() async throws {
        var quiet = logger
        // Hummingbird's own lines at info say what ours say.
        quiet.logLevel = max(logger.logLevel, .notice)
        let application = Application(
            responder: responder,
            server: .http1(
                configuration: .init(
                    idleTimeout: TimeAmount(configuration.idleTimeout),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                availableConnectionsDelegate: .maximum(configuration.maximumConnections, logger: quiet)),
            services: [readiness],
            onServerRunning: { [configuration, logger, onListening] channel in
                let port = channel.localAddress?.port ?? configuration.port
                logger.info("listening", metadata: ["host": "\(configuration.host)", "port": "\(port)"])
                await onListening(port)
            },
            logger: quiet)
        try await application.run()
    }
}
