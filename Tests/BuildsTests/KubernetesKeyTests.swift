import FoundationEssentials
import KubernetesClient
import KubernetesStandIn
import OCIDistribution
import SemanticVersions
import Synchronization
import Testing

@testable import Builds

@Suite("One idempotency key, one build")
struct KubernetesKeyTests {
    private func withHarness(_ body: (KubernetesHarness, MemoryRegistry) async throws -> Void) async throws {
        let registry = MemoryRegistry()
        let destination = KubernetesHarness.Destination(registry: registry) { try registry.push($0) }
        try await KubernetesHarness.run(destination: destination) { try await body($0, registry) }
    }

    /// A registry that lets something happen between a replica's listings of builds and of tags, once.
    private final class HookedRegistry: TagRegistry {
        private let base: MemoryRegistry
        private let hook: Mutex<(@Sendable () async throws -> Void)?>

        init(_ base: MemoryRegistry, _ hook: @escaping @Sendable () async throws -> Void) {
            self.base = base
            self.hook = Mutex(hook)
        }

        func currentTags(of repository: Repository) async throws -> [String]? {
            let hook = hook.withLock { hook in
                defer { hook = nil }
                return hook
            }
            try await hook?()
            return try await base.currentTags(of: repository)
        }

        func servedDigest(of tag: OCIDistribution.Tag, in repository: Repository) async throws -> Digest? {
            try await base.servedDigest(of: tag, in: repository)
        }
    }

    private func replica(
        _ harness: KubernetesHarness, _ registry: any TagRegistry, template: String = KubernetesHarness.template
    ) throws -> ReservationAttempt {
        ReservationAttempt(
            builder: try harness.kubernetesBuilder(template: template), registry: registry, naming: kubernetesNaming,
            policy: VersionPolicy(initial: kubernetesInitial), clock: ContinuousClock(), logger: .silent)
    }

    private func request(_ directory: String = "apps/succeeds", key: String? = "key") throws -> PreparedRequest {
        try PreparedRequest(
            BuildRequest(
                webapp: try WebappName("app-example"), selection: .bump(.patch, prereleaseIdentifier: nil, range: nil),
                gitSubdirectory: directory, idempotencyKey: key),
            defaults: GitDefaults(url: "https://git.example/webapps.git"))
    }

    private func started(_ outcomes: [ReservationAttempt.Outcome]) throws -> Build {
        guard case .settled(.started(let build))? = outcomes.first else {
            throw InvalidInput(field: "outcome", "\(outcomes)")
        }
        return build
    }

    private func existing(_ outcomes: [ReservationAttempt.Outcome]) -> Build? {
        if case .settled(.existing(let build))? = outcomes.first { build } else { nil }
    }

    private func isToBeTriedAgain(_ outcomes: [ReservationAttempt.Outcome]) -> Bool {
        if case .again? = outcomes.first { true } else { false }
    }

    // MARK: Replicas with different views

    @Test("a build that runs to its end between a replica's two listings is not built again")
    func endedBetweenListings() async throws {
        try await withHarness { harness, registry in
            let (fast, request) = (try replica(harness, registry), try request())
            let first = LastBuild()
            let slow = try replica(
                harness,
                HookedRegistry(registry) {
                    let build = try started(await fast([request]))
                    first.build = build
                    try await eventually("it ends") {
                        try await fast.builder.build(build.id)?.status == .succeeded
                    }
                })
            #expect(isToBeTriedAgain(await slow([request])), "it has chosen a version that is free, for a known key")
            let again = existing(await slow([request]))
            #expect(again?.id == first.build?.id && again?.status == .succeeded, "\(String(describing: again))")
            try await eventually("nothing is left of another build") { harness.standIn.jobNames.count == 1 }
            #expect(harness.pushed == ["registry.example:5115/webapp/app-example:v1.0.0"])
        }
    }

    @Test("replicas of which one has seen a build that is gone for the other start one build")
    func versionLetGo() async throws {
        try await withHarness { harness, registry in
            let (fast, request) = (try replica(harness, registry), try request("apps/holds"))
            let other = try started(await fast([try self.request("apps/holds", key: nil)]))
            let first = LastBuild()
            let slow = try replica(
                harness,
                HookedRegistry(registry) {
                    _ = try await fast.builder.cancel(other.id)
                    try await eventually("its version is free again") { harness.standIn.jobNames.isEmpty }
                    let build = try started(await fast([request]))
                    first.build = build
                })
            #expect(isToBeTriedAgain(await slow([request])), "it has chosen the version after the one that is free")
            let build = try #require(first.build)
            #expect(build.version.tag == "v1.0.0")
            #expect(existing(await slow([request]))?.id == build.id)
            try await eventually("nothing is left of another build") {
                harness.standIn.jobNames == [build.id.description]
            }
            try await harness.release(build.id)
        }
    }

    @Test("two requests under one key for two webapps at once start one build, and the other is refused")
    func twoWebapps() async throws {
        try await withHarness { harness, registry in
            let (fast, request) = (try replica(harness, registry), try request())
            let slow = try replica(harness, HookedRegistry(registry) { _ = try started(await fast([request])) })
            let other = try PreparedRequest(
                BuildRequest(
                    webapp: try WebappName("app-other"),
                    selection: .bump(.patch, prereleaseIdentifier: nil, range: nil), idempotencyKey: "key"),
                defaults: GitDefaults(url: "https://git.example/webapps.git"))
            #expect(isToBeTriedAgain(await slow([other])))
            guard case .refused(let error as BuildsError)? = await slow([other]).first else {
                Issue.record("the key belongs to another request")
                return
            }
            #expect(error.code == .idempotencyKeyReused)
        }
    }

    @Test("a build that is taken back is nobody's answer, not even while it goes")
    func takenBack() async throws {
        try await withHarness { harness, registry in
            let request = try request()
            // Pushed by somebody who does not reserve, after the listing.
            let wary = HookedRegistry(MemoryRegistry()) {
                try registry.push("registry.example:5115/webapp/app-example:v1.0.0")
            }
            // Deletions take their time.
            let name = "metadata:\n  name: '${JOB_NAME}'\n"
            let template = KubernetesHarness.template.replacing(name, with: "\(name)  finalizers: [example.com/a]\n")
            try #require(template != KubernetesHarness.template)
            #expect(isToBeTriedAgain(try await replica(harness, wary, template: template)([request])))
            let (fast, job) = (try replica(harness, registry), try plan("v1.0.0").id.description)
            try #require(harness.standIn.job(job)?["metadata"]?["deletionTimestamp"] != nil)
            #expect(isToBeTriedAgain(await fast([request])), "its Job is being deleted")
            _ = try await harness.kubernetesBuilder().client.patchJob(
                named: job, .merge(["metadata": ["finalizers": []]]))
            try await eventually("it is gone") { harness.standIn.jobNames.isEmpty }
            #expect(try started(await fast([request])).version.tag == "v1.0.1")
        }
    }

    // MARK: Makers that die

    /// A Job that was made and not let run by a process that is dead.
    private func leaveBehind(_ plan: BuildPlan, _ harness: KubernetesHarness) async throws {
        let maker = MortalTransport(harness.anyTransport, last: 1, isCarriedOut: true)
        let dying = try harness.kubernetesBuilder(transport: maker)
        let process = Task { _ = try await dying.create(plan) }
        try await maker.death()
        process.cancel()
        _ = try? await process.value
        try #require(harness.standIn.job(plan.id.description)?["spec"]?["suspend"] == true)
    }

    private func plan(_ version: String, directory: String = "apps/succeeds") throws -> BuildPlan {
        var plan = try kubernetesPlan(version, subdirectory: directory)
        plan.idempotencyKey = "key"
        return plan
    }

    private func lead(_ harness: KubernetesHarness) throws {
        var leader = try harness.kubernetesBuilder()
        leader.longestSuspension = .milliseconds(100)
        harness.start(leader)
    }

    private func ends(_ plan: BuildPlan, _ harness: KubernetesHarness) async throws {
        let builder = try harness.kubernetesBuilder()
        try await eventually("\(plan.id) ends") { try await builder.build(plan.id)?.status == .succeeded }
    }

    @Test("a build that its dead maker left behind is the one of its key, and is finished")
    func leftBehind() async throws {
        try await withHarness { harness, _ in
            let (left, next) = (try plan("v1.0.0"), try plan("v1.0.1"))
            try await leaveBehind(left, harness)
            guard case .nameTaken = try await harness.kubernetesBuilder().create(next) else {
                Issue.record("the build that was left behind may run at any time")
                return
            }
            try lead(harness)
            try await ends(left, harness)
            try await eventually("the other is gone") { harness.standIn.jobNames == [left.id.description] }
            #expect(harness.pushed == [left.image.description])
        }
    }

    @Test("of two builds of one key that were left behind one is finished")
    func twoLeftBehind() async throws {
        try await withHarness { harness, _ in
            let plans = [try plan("v1.0.0"), try plan("v1.0.1")]
            for plan in plans { try await leaveBehind(plan, harness) }
            try lead(harness)
            try await eventually("one runs to its end, and the other is gone") {
                harness.pushed.count == 1 && harness.standIn.jobNames.count == 1
            }
            let kept = try #require(plans.first { [$0.id.description] == harness.standIn.jobNames })
            try await ends(kept, harness)
            #expect(harness.pushed == [kept.image.description])
        }
    }

    @Test("a build that was left behind is taken back if its key has another", arguments: [false, true])
    func leftBehindTooLate(hasEnded: Bool) async throws {
        try await withHarness { harness, _ in
            let running = try plan("v1.0.1", directory: hasEnded ? "apps/succeeds" : "apps/holds")
            guard case .created = try await harness.kubernetesBuilder().create(running) else {
                Issue.record("the name is free")
                return
            }
            if hasEnded { try await ends(running, harness) }
            try await leaveBehind(try plan("v1.0.0"), harness)
            try lead(harness)
            try await eventually("it is gone") { harness.standIn.jobNames == [running.id.description] }
            if !hasEnded {
                try await harness.release(running.id)
                try await ends(running, harness)
            }
            #expect(harness.pushed == [running.image.description])
        }
    }
}
