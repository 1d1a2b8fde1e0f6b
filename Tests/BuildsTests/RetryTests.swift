import FoundationEssentials
import HTTPTransport
import OCIDistribution
import RegistryTesting
import SemanticVersions
import Synchronization
import Testing

@testable import Builds

@Suite("Trying a build again")
struct RetryTests {
    /// A builder whose builds are what a test says, and that keeps the plans it is given.
    private final class Shelf: Builder, TagRegistry {
        let builds = Mutex<[BuildID: Build]>([:])
        private let plansSoFar = Mutex<[BuildPlan]>([])

        var plans: [BuildPlan] { plansSoFar.withLock(\.self) }

        func builds(of webapp: WebappName?) async throws -> [Build] {
            builds.withLock { $0.values.filter { webapp == nil || $0.webapp == webapp } }
        }
        func build(_ id: BuildID) async throws -> Build? { builds.withLock { $0[id] } }
        func create(_ plan: BuildPlan) async throws -> Creation {
            plansSoFar.withLock { $0.append(plan) }
            let build = plan.queued(message: "queued")
            builds.withLock { $0[plan.id] = build }
            return .created(build)
        }
        func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog? { nil }
        func cancel(_ id: BuildID) async throws -> Build? { nil }
        func checkReadiness() async throws {}
        func run(as role: BuilderRole, ended: @escaping @Sendable (Build) async -> Void) async {
            for build in builds.withLock(\.self).values { await ended(build) }
        }
        func currentTags(of repository: Repository) async throws -> [String]? { nil }
        func servedDigest(of tag: OCIDistribution.Tag, in repository: Repository) async throws -> Digest? { nil }

        func put(_ build: Build) { builds.withLock { $0[build.id] = build } }
    }

    private func service(_ shelf: Shelf, url: String? = "https://git.example/a.git") throws -> BuildService {
        let host = try RegistryHost("registry.example:5000")
        let client = RegistryClient(
            configuration: RegistryClient.Configuration(registry: host, endpoint: try HTTPURL("http://127.0.0.1:1")),
            transport: TestTransport { _ in throw TestingError("nobody is asked") },
            credentials: CredentialStore(directory: nil, logger: .silent), logger: .silent)
        let versions = VersionService(
            naming: try ImageNaming(registry: host, prefix: "webapp"),
            policy: VersionPolicy(initial: kubernetesInitial), registry: client,
            listings: SharedTagListings(maxAge: .zero) { try await client.tags(of: $0) }, builder: shelf)
        return BuildService(
            versions: versions, builder: shelf, registry: shelf, gitDefaults: GitDefaults(url: url), logger: .silent)
    }

    private func ended(_ version: String = "v1.2.3", _ status: Build.Status = .failed) throws -> Build {
        var build = try plan(version, key: "the first").queued(message: "")
        build.status = status
        build.callbackURL = "https://n8n.example/resume"
        build.git.commit = String(repeating: "a", count: 40)
        build.startedAt = build.createdAt
        build.finishedAt = build.createdAt + 60
        return build
    }

    @Test("the same commit, directory and platforms get the next version, and nobody is called back")
    func same() async throws {
        let shelf = Shelf()
        let build = try ended()
        shelf.put(build)
        guard
            case .started(let again) = try await service(shelf).retry(build.id, requestedBy: "me", idempotencyKey: nil)
        else {
            Issue.record("it is started")
            return
        }
        #expect(again.version.tag == "v1.2.4")
        let plan = try #require(shelf.plans.first)
        #expect(plan.git == build.git && plan.platforms == build.platforms && plan.webapp == build.webapp)
        #expect(plan.callbackURL == nil && plan.idempotencyKey == nil && plan.requestedBy == "me")
    }

    @Test(
        "a prerelease is followed by a prerelease of its kind",
        arguments: [
            ("v1.3.0-rc.1", "v1.3.0-rc.2"), ("v1.3.0-alpha.beta.4", "v1.3.0-alpha.beta.5"),
            ("v2.0.0-0", "v2.0.0-1"), ("v1.3.0", "v1.3.1"),
        ])
    func prerelease(version: String, next: String) async throws {
        let shelf = Shelf()
        let build = try ended(version, .succeeded)
        shelf.put(build)
        _ = try await service(shelf).retry(build.id, requestedBy: nil, idempotencyKey: nil)
        #expect(shelf.plans.map(\.version.tag) == [next])
    }

    @Test("the operator's own URL keeps the credentials that nobody is shown, and no other gets them")
    func credentials() async throws {
        let secret = "https://bot:hush@git.example/a.git"
        for (url, expected) in [
            ("https://git.example/a.git", secret), ("https://git.example/b.git", "https://git.example/b.git"),
        ] {
            let shelf = Shelf()
            var build = try ended()
            build.git.url = url
            shelf.put(build)
            _ = try await service(shelf, url: secret).retry(build.id, requestedBy: nil, idempotencyKey: nil)
            #expect(shelf.plans.map(\.git.url) == [expected])
        }
    }

    @Test(
        "a build that has not ended, or that nobody knows, is not tried again",
        arguments: [Build.Status.queued, .running])
    func unfinished(_ status: Build.Status) async throws {
        let shelf = Shelf()
        var build = try ended()
        build.status = status
        shelf.put(build)
        let early = await #expect(throws: BuildsError.self) {
            try await service(shelf).retry(build.id, requestedBy: nil, idempotencyKey: nil)
        }
        #expect(early?.code == .buildNotFinished)
        let unknown = await #expect(throws: BuildsError.self) {
            try await service(shelf).retry(try plan("v9.9.9").id, requestedBy: nil, idempotencyKey: nil)
        }
        #expect(unknown?.code == .buildUnknown)
        #expect(shelf.plans.isEmpty)
    }

    @Test("what a Job of somebody else says of its source is checked like anybody's")
    func checked() async throws {
        for change in [
            { $0.url = "" }, { $0.url = "file:///etc" }, { $0.ref = "--upload-pack=x" }, { $0.subdirectory = "../.." },
        ] as [(inout GitSource) -> Void] {
            let shelf = Shelf()
            var build = try ended()
            change(&build.git)
            shelf.put(build)
            await #expect(throws: InvalidInput.self) {
                try await service(shelf).retry(build.id, requestedBy: nil, idempotencyKey: nil)
            }
            #expect(shelf.plans.isEmpty)
        }
    }

    @Test("a repetition with its key is answered with the build that it started")
    func repeated() async throws {
        let shelf = Shelf()
        let build = try ended()
        shelf.put(build)
        let service = try service(shelf)
        _ = try await service.retry(build.id, requestedBy: nil, idempotencyKey: "key")
        guard case .existing(let again) = try await service.retry(build.id, requestedBy: nil, idempotencyKey: "key")
        else {
            Issue.record("the key was seen")
            return
        }
        #expect(shelf.plans.map(\.id) == [again.id])
    }

    // MARK: What is usual

    @Test("every way to a build tells how long its kind usually takes, and what ended is remembered")
    func usual() async throws {
        let shelf = Shelf()
        let build = try ended("v1.0.0", .succeeded)
        shelf.put(build)
        let service = try service(shelf)
        await service.run(as: .service)
        #expect(service.history.builds(of: build.webapp) == [build])
        #expect(try await service.build(build.id).usualDuration == .seconds(60))
        #expect(try await service.builds(of: nil, status: nil).map(\.usualDuration) == [.seconds(60)])
        var snapshots = service.snapshots().makeAsyncIterator()
        #expect(try await snapshots.next()?.map(\.usualDuration) == [.seconds(60)])
        var changes = service.changes(of: build.id).makeAsyncIterator()
        #expect(try await changes.next()?.usualDuration == .seconds(60))
    }
}
