import BuilderConformance
import CurlTransport
import FoundationEssentials
import HTTPTransport
import KubernetesClient
import KubernetesStandIn
import Logging
import OCIDistribution
import RegistryTesting
import SemanticVersions
import Synchronization

@testable import Builds

/// A registry in memory that can be made to fail and to be silent.
final class MemoryRegistry: TagRegistry {
    enum Mood: Sendable {
        case well
        /// Every question has an error for an answer.
        case failing
        /// No question is ever answered.
        case silent
    }

    private struct State {
        var tags: [Repository: [Tag: Digest]] = [:]
        var mood = Mood.well
        var questions = 0
    }

    private let state = Mutex(State())

    /// How often somebody asked for a tag.
    var questions: Int { state.withLock(\.questions) }

    func become(_ mood: Mood) { state.withLock { $0.mood = mood } }

    /// Takes an image in; answers its digest.
    @discardableResult
    func push(_ image: String) throws -> String {
        let image = try ImageReference(image)
        let digest = Digest.sha256(of: Array(image.description.utf8))
        if let tag = image.tag { state.withLock { $0.tags[image.repository, default: [:]][tag] = digest } }
        return digest.description
    }

    func currentTags(of repository: Repository) async throws -> [String]? {
        state.withLock { $0.tags[repository]?.keys.map(\.name) }
    }

    func servedDigest(of tag: Tag, in repository: Repository) async throws -> Digest? {
        let (mood, digest) = state.withLock { state in
            state.questions += 1
            return (state.mood, state.tags[repository]?[tag])
        }
        switch mood {
        case .well: return digest
        case .failing:
            throw RegistryError(.unavailable, operation: "look for the tag \(tag)", summary: "503 out of order")
        case .silent:
            try await Gate().wait()
            return nil
        }
    }
}

/// Kubernetes builders over real HTTP to a stand-in for a cluster, whose builds push to a registry.
final class KubernetesHarness: BuilderHarness {
    /// Where builds push to and what is asked about it.
    struct Destination: Sendable {
        var registry: any TagRegistry
        var push: @Sendable (_ image: String) throws -> String
    }

    let standIn: KubernetesStandIn
    let registry: any TagRegistry
    let naming = kubernetesNaming
    let patience = Duration.seconds(120)
    let failureText = "npm error code E404"
    let logLandmarks = ["fetched commit", "#1 [internal] load build definition", "#12 pushing layers"]
    private let gates = Mutex<[String: Gate]>([:])
    private let transport: Mutex<CurlTransport>
    private let pushes = Mutex<[String]>([])
    /// Whether every builder is a replica that looks after builds.
    private let runs: Bool
    private let replicas = Mutex<[Task<Void, Never>]>([])

    private init(_ standIn: KubernetesStandIn, _ registry: any TagRegistry, runs: Bool) {
        self.standIn = standIn
        self.runs = runs
        self.registry = registry
        self.transport = Mutex(CurlTransport(logger: .silent))
    }

    /// Runs `body` with a harness that ends with it.
    static func run(
        destination: Destination? = nil, runs: Bool = false, _ body: (KubernetesHarness) async throws -> Void
    ) async throws {
        let memory = MemoryRegistry()
        let destination = destination ?? Destination(registry: memory) { try memory.push($0) }
        try await KubernetesStandIn.run { standIn in
            let harness = KubernetesHarness(standIn, destination.registry, runs: runs)
            standIn.withSettings { settings in
                settings.script = { [weak harness] job, _ in
                    harness?.script(of: job) { [weak harness] image in
                        harness?.pushes.withLock { $0.append(image) }
                        return try destination.push(image)
                    } ?? PodScript([])
                }
            }
            do {
                try await body(harness)
            } catch {
                await harness.shutDown()
                throw error
            }
            await harness.shutDown()
        }
    }

    private func shutDown() async {
        let replicas = replicas.withLock(\.self)
        for replica in replicas { replica.cancel() }
        for replica in replicas { await replica.value }
        await transport.withLock(\.self).shutDown()
    }

    // MARK: What builds do

    func source(for behavior: BuildBehavior) async throws -> GitSource {
        GitSource(
            url: "https://git.example/webapps.git", ref: "main", commit: nil, subdirectory: Self.directory(of: behavior)
        )
    }

    private static func directory(of behavior: BuildBehavior) -> String { "apps/\(behavior)" }

    /// What a Job's Pod does is told by the directory that it builds.
    private func script(of job: String, push: @escaping @Sendable (String) throws -> String) -> PodScript {
        let clone = standIn.job(job)?["spec"]?["template"]?["spec"]?["initContainers"]?.array?.first
        switch BuildBehavior.allCases.first(where: { Self.directory(of: $0) == clone?.variable("GIT_SUBDIRECTORY") }) {
        case .fails: return .failedMain
        case .holds:
            let gate = Gate()
            gates.withLock { $0[job] = gate }
            let script = PodScript.success { context in try push(context.image) }
            return script.waiting(for: gate) { step in
                if case .push = step { true } else { false }
            }.ignoringTermination
        case .succeeds, nil: return .success { context in try push(context.image) }
        }
    }

    func release(_ id: BuildID) async throws {
        // There is none before its Pod starts.
        for _ in 0..<12_000 {
            if let gate = gates.withLock({ $0[id.description] }) { return gate.open() }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestingError("no Pod of \(id) waits to be let go on")
    }

    func livingRuns(of id: BuildID) async throws -> Int {
        standIn.pods(ofJob: id.description).filter { pod in
            !["Succeeded", "Failed"].contains(pod["status"]?["phase"]?.string)
        }.count
    }

    // MARK: Builders

    /// The connections of builders that are given none of their own.
    var anyTransport: any Transport { transport.withLock(\.self) }

    /// Who holds the Lease.
    func leader() async throws -> String? {
        let lease = try? await kubernetesBuilder().client.lease(named: KubernetesJobBuilder.leaseName)
        return lease?.spec.holderIdentity.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The images that were pushed, in their order.
    var pushed: [String] { pushes.withLock(\.self) }

    func makeBuilder() async throws -> any Builder {
        let builder = try kubernetesBuilder()
        if runs { start(builder) }
        return builder
    }

    /// Lets a builder look after builds until the harness, or the task, ends.
    @discardableResult
    func start(_ builder: KubernetesJobBuilder) -> Task<Void, Never> {
        let replica = Task { await builder.run(as: .service) { _ in } }
        replicas.withLock { $0.append(replica) }
        return replica
    }

    /// The template with longer times: the cluster's seconds are short.
    static let template = JobTemplate.builtInText
        .replacing("ttlSecondsAfterFinished: 600", with: "ttlSecondsAfterFinished: 86400")
        .replacing("activeDeadlineSeconds: 1800", with: "activeDeadlineSeconds: 86400")
        .replacing("terminationGracePeriodSeconds: 10", with: "terminationGracePeriodSeconds: 100")

    /// A builder as the service makes it.
    func kubernetesBuilder(
        clock: any Clock<Duration> = ContinuousClock(), now: @escaping @Sendable () -> Date = { Date() },
        pageSize: Int = 200, registry: (any TagRegistry)? = nil, movingTags: MovingTags? = nil,
        transport: (any Transport)? = nil, callbacks: CallbackSender? = nil, template: String = template,
        naming: ImageNaming? = nil, logger: Logger = .silent
    ) throws -> KubernetesJobBuilder {
        var limits = KubernetesClient.Limits()
        limits.pageSize = pageSize
        // What a busy machine does not come near.
        limits.call = .seconds(60)
        let client = KubernetesClient(
            transport: transport ?? self.transport.withLock(\.self), configuration: try standIn.configuration(),
            namespace: "build-system",
            limits: limits)
        let registry = registry ?? self.registry
        return try KubernetesJobBuilder(
            client: client, template: try JobTemplate(text: template), naming: naming ?? self.naming,
            registry: registry,
            movingTags: try movingTags
                ?? MovingTags(
                    kinds: [], registry: MovingTagsRegistry(), policy: VersionPolicy(initial: kubernetesInitial),
                    logger: .silent),
            callbacks: callbacks, clock: clock, now: now, logger: logger)
    }

    /// All that a process has is its connections.
    func restart() async throws {
        let old = transport.withLock { transport in
            defer { transport = CurlTransport(logger: .silent) }
            return transport
        }
        await old.shutDown()
    }
}

extension Logger {
    /// Tests look at results, not at logs.
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
