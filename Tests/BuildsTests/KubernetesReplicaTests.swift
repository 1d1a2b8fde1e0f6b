import FoundationEssentials
import HTTPTransport
import KubernetesClient
import KubernetesStandIn
import OCIDistribution
import SemanticVersions
import Synchronization
import Testing

@testable import Builds

@Suite("Several replicas of the service, any of which may die")
struct KubernetesReplicaTests {
    private func withHarness(_ body: (KubernetesHarness, MemoryRegistry) async throws -> Void) async throws {
        let registry = MemoryRegistry()
        let destination = KubernetesHarness.Destination(registry: registry) { try registry.push($0) }
        try await KubernetesHarness.run(destination: destination) { try await body($0, registry) }
    }

    private func status(_ job: JSONValue?) -> String? {
        job?["metadata"]?["annotations"]?["registry-query/status"]?.string
    }

    // MARK: Dying

    @Test(
        "a process that is killed anywhere in a reservation leaves no version given twice, and no Job that never runs",
        arguments: 1...8, [false, true])
    func killed(at request: Int, isCarriedOut: Bool) async throws {
        try await withHarness { harness, registry in
            let transport = MortalTransport(harness.anyTransport, last: request, isCarriedOut: isCarriedOut)
            let dying = try harness.kubernetesBuilder(transport: transport)
            let survivors = try (0..<2).map { _ in
                var builder = try harness.kubernetesBuilder()
                builder.longestSuspension = .milliseconds(300)
                return builder
            }
            var plan = try kubernetesPlan("v1.0.0")
            plan.idempotencyKey = "key"
            let process = Task { [plan] in
                _ = try await dying.builds(of: plan.webapp)
                let creation = try await dying.create(plan)
                guard case .created(let build) = creation else { return Build?.none }
                return build
            }
            let watch = Task {
                try await transport.death()
                process.cancel()
            }
            let promised = try? await process.value
            watch.cancel()
            for survivor in survivors { harness.start(survivor) }

            // Whatever it left runs to its end, or nothing is left of it.
            try await eventually("no Job stays suspended, and what runs ends") {
                harness.standIn.jobNames.allSatisfy { status(harness.standIn.job($0)) != nil }
            }
            // Others ask for versions meanwhile.
            let attempt = ReservationAttempt(
                builder: survivors[0], registry: registry, naming: kubernetesNaming,
                policy: VersionPolicy(initial: kubernetesInitial), clock: ContinuousClock(), logger: .silent)
            let other = try PreparedRequest(
                BuildRequest(
                    webapp: plan.webapp, selection: .bump(.patch, prereleaseIdentifier: nil, range: nil)),
                defaults: GitDefaults(url: "https://git.example/webapps.git"))
            var outcome = await attempt([other])
            if case .again? = outcome.first { outcome = await attempt([other]) }
            guard case .settled(.started(let next))? = outcome.first else {
                Issue.record("somebody else gets a version: \(outcome)")
                return
            }
            try await eventually("the other build ends") { status(harness.standIn.job(next.id.description)) != nil }
            let pushed = harness.pushed
            #expect(Set(pushed).count == pushed.count, "no tag is pushed twice: \(pushed)")
            #expect(promised == nil || promised?.image != next.image, "what was promised is not given again")
            #expect(pushed.contains(next.image.description))
            if promised != nil { #expect(pushed.contains(plan.image.description), "what was promised is built") }
        }
    }

    /// Changes what is created, as an admission webhook may.
    private struct MutatingTransport: Transport {
        let base: any Transport

        func send(_ request: OutboundRequest) async throws -> InboundResponse {
            var request = request
            if let body = request.body {
                let text = String(decoding: body, as: UTF8.self)
                request.body = Array(text.replacing("app.kubernetes.io/component", with: "example/component").utf8)
            }
            return try await base.send(request)
        }
    }

    @Test("a Job that comes back as something else is an error that says so, and nothing is left of it")
    func mutated() async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder(transport: MutatingTransport(base: harness.anyTransport))
            let error = await #expect(throws: BuildsError.self) { try await builder.create(try kubernetesPlan()) }
            #expect(error?.description.contains("admission webhooks") == true)
            try await eventually("it is gone") { harness.standIn.jobNames.isEmpty }
            #expect(harness.pushed.isEmpty)
        }
    }

    @Test("a leader that dies is followed by another, which finishes what it left")
    func takeover() async throws {
        try await withHarness { harness, _ in
            let first = harness.start(try harness.kubernetesBuilder())
            try await eventually("somebody leads") { try await harness.leader() != nil }
            let leader = try await harness.leader()
            harness.start(try harness.kubernetesBuilder())
            first.cancel()
            await first.value
            try await eventually("another leads at once") {
                let now = try await harness.leader()
                return now != nil && now != leader
            }
            guard case .created(let build) = try await harness.kubernetesBuilder().create(kubernetesPlan()) else {
                Issue.record("the name is free")
                return
            }
            try await eventually("a build that nobody looks at is settled") {
                status(harness.standIn.job(build.id.description)) == "succeeded"
            }
        }
    }

    // MARK: Watching

    @Test("states come from the watches, without a question to the API server for each")
    func watched() async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder()
            harness.start(builder)
            try await eventually("both watches are open") { builder.board.isLive }
            let gate = Gate()
            harness.standIn.withSettings { $0.script = { _, _ in .failedMain.waiting(for: gate) { $0.startsMain } } }
            guard case .created(let build) = try await builder.create(kubernetesPlan()) else {
                Issue.record("the name is free")
                return
            }
            try await eventually("it is cloned") { builder.board.entry(build.id)?.pod?.phase != nil }
            try await eventually("the commit is noted") {
                let notes = harness.standIn.job(build.id.description)?["metadata"]?["annotations"]
                return notes?[JobKeys.Annotation.commit] != nil
            }
            let before = harness.standIn.requests.count
            let followers = (0..<20).map { _ in
                Task {
                    var states: [Build] = []
                    for try await state in builder.updates(of: build.id) { states.append(state) }
                    return states
                }
            }
            try await Task.sleep(for: .milliseconds(300))
            // The leader renews its Lease, and watches that the server has ended are opened again.
            let reads = harness.standIn.requests.dropFirst(before).filter { request in
                request.method == "GET" && request.query["watch"] != "true" && !request.target.contains("/leases")
            }
            #expect(reads.count <= 2, "twenty followers ask nothing: \(reads.map(\.target))")
            gate.open()
            for follower in followers {
                #expect(try await follower.value.last?.status == .failed, "nothing was pushed")
            }
        }
    }

    @Test("watches that are cut again and again lose nothing", arguments: [0, 1, 100, 5000])
    func cut(afterBytes count: Int) async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder()
            harness.start(builder)
            try await eventually("both watches are open") { builder.board.isLive }
            let cutter = Task {
                while !Task.isCancelled {
                    harness.standIn.cutStreams(afterBytes: count)
                    try await Task.sleep(for: .milliseconds(30))
                }
            }
            defer { cutter.cancel() }
            for version in ["v1.0.0", "v1.0.1"] {
                guard case .created(let build) = try await builder.create(kubernetesPlan(version)) else {
                    Issue.record("the name is free")
                    return
                }
                var last: Build?
                for try await state in builder.updates(of: build.id) { last = state }
                #expect(last?.status == .succeeded, "\(last?.message ?? "")")
            }
        }
    }

    @Test("a build whose Job is cleaned away while somebody follows it has ended as it ended")
    func cleanedAway() async throws {
        try await withHarness { harness, registry in
            let builder = try harness.kubernetesBuilder()
            harness.start(builder)
            try await eventually("both watches are open") { builder.board.isLive }
            let gate = Gate()
            harness.standIn.withSettings { settings in
                settings.script = { _, _ in
                    .success { try harness.registryPush($0.image) }.waiting(for: gate) { $0.endsMain }
                }
            }
            // The registry cannot say how it ended until the Job is gone.
            guard case .created(let build) = try await builder.create(kubernetesPlan()) else {
                Issue.record("the name is free")
                return
            }
            registry.become(.failing)
            gate.open()
            var updates = builder.updates(of: build.id).makeAsyncIterator()
            while let state = try await updates.next(), state.phase != .verifying {}
            // That begins with the end of the Pod, and only a Job that has ended itself is cleaned away.
            try await eventually("the Job has ended") { try await builder.find(build.id)?.job.outcome != nil }
            harness.standIn.expireTTL(ofJob: build.id.description)
            try await eventually("the Job is gone") { harness.standIn.jobNames.isEmpty }
            registry.become(.well)
            var last: Build?
            while let state = try await updates.next() { last = state }
            #expect(last?.status == .succeeded, "\(last?.message ?? "")")
        }
    }

    @Test("what is recorded of an end never comes from an older state of the Pod", arguments: [false, true])
    func staleView(hasPod: Bool) async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder()
            let gate = Gate()
            harness.standIn.withSettings { $0.script = { _, _ in .failedMain.waiting(for: gate) { $0.endsMain } } }
            guard case .created(let build) = try await builder.create(kubernetesPlan()) else {
                Issue.record("the name is free")
                return
            }
            try await eventually("it builds") { try await builder.build(build.id)?.phase == .building }
            let stale = hasPod ? try await builder.pod(of: try #require(try await builder.find(build.id))) : nil
            gate.open()
            try await eventually("the Job has failed") {
                try await builder.find(build.id)?.job.outcome != nil
            }
            // The watch of the Jobs has told more than that of the Pods.
            let found = try #require(try await builder.find(build.id))
            let ended = try await builder.settledInTime(BuildBoard.Entry(found: found, pod: stale))
            #expect(ended.status == .failed && ended.message.contains("npm error code E404"), "\(ended.message)")
            #expect(try await builder.build(build.id) == ended)
        }
    }

    @Test("a trouble that is over is not told after the deadline")
    func troubleIsOver() async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder()
            let gate = Gate()
            harness.standIn.withSettings { stand in
                stand.podQuota = 0
                stand.script = { _, _ in .success().waiting(for: gate) { $0.endsMain } }
            }
            let later = try harness.kubernetesBuilder(now: { Date(timeIntervalSinceNow: 60) })
            guard case .created(let build) = try await later.create(kubernetesPlan()) else {
                Issue.record("the name is free")
                return
            }
            func noted() -> String? {
                let job = harness.standIn.job(build.id.description)
                return job?["metadata"]?["annotations"]?["registry-query/trouble"]?.string
            }
            try await eventually("the quota is noted") {
                _ = try await later.build(build.id)
                return noted()?.contains("quota") == true
            }
            harness.standIn.withSettings { $0.podQuota = nil }
            try await eventually("it builds, and the note is gone") {
                try await builder.build(build.id)?.phase == .building && noted() == nil
            }
            harness.standIn.exceedDeadline(ofJob: build.id.description)
            try await eventually("the deadline is told without it") {
                let build = try await builder.build(build.id)
                return build?.status == .failed && build?.message.contains("quota") == false
            }
        }
    }

    @Test("a build that its maker left behind is promised to nobody before it runs, and no trouble deletes it")
    func leftBehind() async throws {
        try await withHarness { harness, registry in
            var plan = try kubernetesPlan("v1.0.0")
            plan.idempotencyKey = "key"
            let request = try PreparedRequest(
                BuildRequest(
                    webapp: plan.webapp, selection: .bump(.patch, prereleaseIdentifier: nil, range: nil),
                    idempotencyKey: "key"), defaults: GitDefaults(url: "https://git.example/webapps.git"))
            plan.requestFingerprint = request.fingerprint
            let maker = MortalTransport(harness.anyTransport, last: 1, isCarriedOut: true)
            let dying = try harness.kubernetesBuilder(transport: maker)
            let process = Task { [plan] in _ = try await dying.create(plan) }
            try await maker.death()
            process.cancel()
            _ = try? await process.value
            try #require(harness.standIn.jobNames == [plan.id.description])

            var leader = try harness.kubernetesBuilder()
            leader.longestSuspension = .milliseconds(100)
            let attempt = ReservationAttempt(
                builder: leader, registry: MemoryRegistry(), naming: kubernetesNaming,
                policy: VersionPolicy(initial: kubernetesInitial), clock: ContinuousClock(), logger: .silent)
            guard case .again? = await attempt([request]).first else {
                Issue.record("nobody is promised a build that may be given up")
                return
            }
            registry.become(.failing)
            harness.start(leader)
            let before = registry.questions
            try await eventually("the leader has asked in vain") { registry.questions > before + 1 }
            #expect(harness.standIn.jobNames == [plan.id.description], "it is still there")
            registry.become(.well)
            try await eventually("it runs to its end") {
                status(harness.standIn.job(plan.id.description)) == "succeeded"
            }
            guard case .settled(.existing(let build))? = await attempt([request]).first else {
                Issue.record("the key answers with its build")
                return
            }
            #expect(build.id == plan.id)
        }
    }

    @Test("whoever follows a build is not told of another that has its version later")
    func reusedName() async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder()
            let gate = Gate()
            harness.standIn.withSettings { $0.script = { _, _ in .success().waiting(for: gate) { $0.startsMain } } }
            var plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            var updates = builder.updates(of: plan.id).makeAsyncIterator()
            _ = try await updates.next()
            _ = try await builder.cancel(plan.id)
            plan.createdAt += 10
            try await eventually("the version is free again") {
                guard case .created = try await builder.create(plan) else { return false }
                return true
            }
            var last: Build?
            while let state = try await updates.next() { last = state }
            #expect(last?.status == .cancelled && last?.createdAt == plan.createdAt - 10)
            gate.open()
        }
    }

    // MARK: Moving tags

    @Test("the leader moves tags after a success, and after a failure to move them")
    func movingTags() async throws {
        let registry = try MovingTagsRegistry()
        let memory = MemoryRegistry()
        let destination = KubernetesHarness.Destination(registry: memory) { image in
            let reference = try ImageReference(image)
            try registry.push(reference.tag?.name ?? "")
            return try memory.push(image)
        }
        try await KubernetesHarness.run(destination: destination) { harness in
            let moving = MovingTags(
                kinds: [.latest, .major, .minor], registry: registry,
                policy: VersionPolicy(initial: kubernetesInitial), logger: .silent)
            let builder = try harness.kubernetesBuilder(movingTags: moving)
            harness.start(builder)
            for version in ["v1.2.3", "v1.1.0"] {
                guard case .created(let build) = try await builder.create(kubernetesPlan(version)) else {
                    Issue.record("the name is free")
                    return
                }
                for try await _ in builder.updates(of: build.id) {}
            }
            try await eventually("the tags have moved") {
                registry.moving == ["latest": "v1.2.3", "v1": "v1.2.3", "v1.2": "v1.2.3", "v1.1": "v1.1.0"]
            }
            #expect(registry.moves["latest"]?.map(\.tag) == ["v1.2.3"], "latest never goes back")
        }
    }
}

extension Pod {
    fileprivate var phase: String? { status.phase }
}
