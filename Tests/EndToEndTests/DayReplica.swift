import CurlTransport
import FoundationEssentials
import HTTPTransport
import KubernetesClient
import KubernetesStandIn
import Logging
import OCIDistribution
import RegistryQueryAPI
import RegistryTesting
import SemanticVersions
import Synchronization

@testable import Builds

/// A replica of the service within the test, which can be killed as `kill -9` kills: nothing more leaves it, not even the
/// Lease that it holds.
final class DayReplica: Sendable {
    /// Who it is in the Lease.
    let identity: String
    /// Where it listens.
    let url: String
    private let life: Life
    private let transports: [CurlTransport]
    private let tasks: [Task<Void, Never>]

    /// Starts a replica and waits until it listens.
    static func start(_ day: Day) async throws -> DayReplica {
        let logger = day.diary.logger
        let life = Life()
        let transport = CurlTransport(logger: logger)
        let callbackTransport = CurlTransport(
            configuration: .init(refusesAddress: { [targets = day.targets] in targets.refuses($0, apiServer: []) }),
            logger: logger)
        let registry = RegistryClient(
            configuration: .init(
                registry: try RegistryHost(day.registry.authority), endpoint: try HTTPURL(day.registry.url)),
            transport: Wire(base: transport, life: life, traps: day.traps),
            credentials: CredentialStore(directory: nil, logger: logger), logger: logger)
        let naming = try ImageNaming(registry: try RegistryHost(day.registry.authority), prefix: "webapp")
        guard let initial = VersionTag("v1.0.0") else { throw CancellationError() }
        let policy = VersionPolicy(initial: initial)
        let clock = QuickClock()
        let now: @Sendable () -> Date = { [almanac = day.almanac] in almanac.now }
        let secret = try CallbackSecret(Array(Day.callbackSecret.utf8))
        var builder = try KubernetesJobBuilder(
            client: KubernetesClient(
                transport: Wire(base: transport, life: life, traps: day.traps),
                configuration: try day.standIn.configuration(), namespace: "build-system"),
            template: try JobTemplate(text: Day.template), naming: naming, registry: registry,
            movingTags: MovingTags(kinds: [], registry: registry, policy: policy, logger: logger),
            callbacks: CallbackSender(
                transport: Wire(base: callbackTransport, life: life, traps: day.traps), targets: day.targets,
                secret: { secret }, userAgent: "registry-query/test",
                document: { Array(JSONDocument($0).text.utf8) }, clock: clock, now: now),
            clock: clock, now: now, logger: logger)
        builder.longestSuspension = .seconds(12)
        let versions = VersionService(
            naming: naming, policy: policy, registry: registry,
            listings: SharedTagListings(maxAge: .seconds(60)) { try await registry.tags(of: $0) }, builder: builder)
        let git = GitDefaults(url: "https://git.example/example/webapps.git")
        let builds = BuildService(
            versions: versions, builder: builder, registry: registry, gitDefaults: git, logger: logger)
        var configuration = RegistryQueryAPI.Configuration(port: 0, access: .local)
        configuration.callbackTargets = day.targets
        configuration.github = GitHubWebhook(
            secrets: try GitHubWebhookSecrets(path: day.gitHubSecretFile, logger: logger), git: git,
            paths: try WebappPaths("apps/*"))
        let (ports, listening) = AsyncStream<Int>.makeStream()
        let api = RegistryQueryAPI(
            versions: versions, builds: builds, configuration: configuration, logger: logger,
            onListening: { listening.yield($0) })
        let tasks = [
            Task { await builds.run(as: .service) },
            Task {
                defer { listening.finish() }
                do { try await api.run() } catch { logger.error("\(error)") }
            },
        ]
        let port = await ports.first { _ in true }
        return DayReplica(
            identity: builder.identity, url: "http://127.0.0.1:\(port ?? 0)", life: life,
            transports: [transport, callbackTransport], tasks: tasks)
    }

    private init(
        identity: String, url: String, life: Life, transports: [CurlTransport], tasks: [Task<Void, Never>]
    ) {
        self.identity = identity
        self.url = url
        self.life = life
        self.transports = transports
        self.tasks = tasks
    }

    /// Whether it hangs in this trap.
    func hangs(in trap: Trap) -> Bool { trap.victim === life }

    /// Ends it without grace.
    func kill() async {
        life.end()
        for task in tasks { task.cancel() }
        for transport in transports { await transport.shutDown() }
        for task in tasks { await task.value }
    }
}

/// Whether a replica lives.
final class Life: Sendable {
    private let isOver = Atomic(false)

    func end() { isOver.store(true, ordering: .sequentiallyConsistent) }
    func check() throws { if isOver.load(ordering: .sequentiallyConsistent) { throw CancellationError() } }
}

/// The first request of a kind, in which a replica hangs until it is killed; whatever others send passes.
final class Trap: Sendable {
    private let matches: @Sendable (OutboundRequest) -> Bool
    private let caught = Mutex<Life?>(nil)

    init(_ matches: @escaping @Sendable (OutboundRequest) -> Bool) { self.matches = matches }

    var victim: Life? { caught.withLock(\.self) }

    func catches(_ request: OutboundRequest, of life: Life) -> Bool {
        guard matches(request) else { return false }
        return caught.withLock { caught in
            caught = caught ?? life
            return caught === life
        }
    }
}

/// The traps of the day.
final class Traps: Sendable {
    private let current = Mutex<Trap?>(nil)

    func set(_ trap: Trap?) { current.withLock { $0 = trap } }

    fileprivate func hold(_ request: OutboundRequest, of life: Life) async throws {
        guard let trap = current.withLock(\.self), trap.catches(request, of: life) else { return }
        while true {
            try life.check()
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// What a replica sends, as long as it lives.
private struct Wire: Transport {
    let base: CurlTransport
    let life: Life
    let traps: Traps

    func send(_ request: OutboundRequest) async throws -> InboundResponse {
        try life.check()
        try await traps.hold(request, of: life)
        return try await base.send(request)
    }
}

/// A clock whose seconds are a quarter of a second, so that a Lease runs out in four.
struct QuickClock: Clock {
    typealias Instant = ContinuousClock.Instant
    static let speed = 4

    private let base = ContinuousClock()
    private let start = ContinuousClock.now

    var now: Instant { start + (base.now - start) * Self.speed }
    var minimumResolution: Duration { base.minimumResolution }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try await base.sleep(for: (deadline - now) / Self.speed)
    }
}

/// The time of day, which goes on and is put forward.
final class Almanac: Sendable {
    private let offset = Mutex(0.0)

    var now: Date { Date() + offset.withLock(\.self) }
    func advance(minutes: Double) { offset.withLock { $0 += minutes * 60 } }
}
