import BuilderConformance
import CurlTransport
import FoundationEssentials
import HTTPTransport
import HTTPTypes
import KubernetesClient
import KubernetesStandIn
import Logging
import OCIDistribution
import RegistryTesting
import Synchronization
import Testing

@testable import Builds

@Suite("Callbacks of builds in a cluster")
struct KubernetesCallbackTests {
    private static let finalizer = "registry-query/callback"

    /// A cluster, a receiver, and what a service has to deliver callbacks with.
    private struct Stage {
        let harness: KubernetesHarness
        let registry: MemoryRegistry
        let receiver: CallbackReceiver
        let transport: CurlTransport
        let book = LogBook()

        func service(
            _ changes: (inout KubernetesJobBuilder) -> Void = { _ in }, transport: (any Transport)? = nil,
            cluster: (any Transport)? = nil, targets: String = "http://127.0.0.1", template: String? = nil,
            naming: ImageNaming? = nil, movingTags: MovingTags? = nil
        ) throws -> KubernetesJobBuilder {
            var builder = try harness.kubernetesBuilder(
                movingTags: movingTags, transport: cluster,
                callbacks: try callbackSender(transport ?? self.transport, targets: targets),
                template: template ?? KubernetesHarness.template, naming: naming, logger: book.logger)
            builder.longestCallbackEnding = .milliseconds(100)
            changes(&builder)
            return builder
        }

        func plan(_ behavior: BuildBehavior = .succeeds, _ version: String = "v1.2.3") async throws -> BuildPlan {
            var plan = try kubernetesPlan(
                version, subdirectory: try await harness.source(for: behavior).subdirectory)
            plan.callbackURL = receiver.url("/webhook-waiting/42?signature=a%2Fb")
            return plan
        }

        func job(_ plan: BuildPlan) -> JSONValue? { harness.standIn.job(plan.id.description) }

        func callback(_ plan: BuildPlan) -> Callback? {
            job(plan)?["metadata"]?["annotations"]?[finalizer]?.string.flatMap(Callback.init(annotation:))
        }

        func finalizers(_ plan: BuildPlan) -> [String] {
            job(plan)?["metadata"]?["finalizers"]?.array?.compactMap(\.string) ?? []
        }

        /// Whether its container runs; its log may already speak of pushing.
        func isBuilding(_ plan: BuildPlan) async throws -> Bool {
            let phase = try await harness.kubernetesBuilder().build(plan.id)?.phase
            return phase == .building || phase == .pushing
        }

        func statuses() throws -> [String] {
            try receiver.calls.map { call in
                try JSONDecoder().decode([String: String?].self, from: Data(call.body))["status"]?.flatMap(\.self) ?? ""
            }
        }
    }

    private func play(
        _ script: CallbackReceiver.Script = .accepts, _ body: (Stage) async throws -> Void
    ) async throws {
        let registry = MemoryRegistry()
        let destination = KubernetesHarness.Destination(registry: registry) { try registry.push($0) }
        let transport = CurlTransport(logger: .silent)
        do {
            try await CallbackReceiver.run(script) { receiver in
                try await KubernetesHarness.run(destination: destination) { harness in
                    try await body(
                        Stage(harness: harness, registry: registry, receiver: receiver, transport: transport))
                }
            }
        } catch {
            await transport.shutDown()
            throw error
        }
        await transport.shutDown()
    }

    @discardableResult
    private func create(_ plan: BuildPlan, with builder: KubernetesJobBuilder) async throws -> Build {
        guard case .created(let build) = try await builder.create(plan) else { throw CancellationError() }
        return build
    }

    // MARK: Ends

    @Test(
        "the caller is told of a success and of a failure, and then the Job is let go",
        arguments: [(BuildBehavior.succeeds, "succeeded"), (.fails, "failed")])
    func told(behavior: BuildBehavior, status: String) async throws {
        try await play { stage in
            let plan = try await stage.plan(behavior)
            let builder = try stage.service()
            let build = try await create(plan, with: builder)
            #expect(build.callback == Callback())
            #expect(stage.finalizers(plan) == [Self.finalizer], "it is held from the moment in which it may run")
            stage.harness.start(builder)
            try await eventually("it is delivered") { stage.callback(plan)?.status == .delivered }
            #expect(stage.finalizers(plan).isEmpty && stage.job(plan) != nil)
            #expect(try stage.statuses() == [status])
            #expect(stage.receiver.calls.first?.line == "POST /webhook-waiting/42?signature=a%2Fb HTTP/1.1")
            let read = try await stage.harness.kubernetesBuilder().build(plan.id)
            #expect(read?.callback?.status == .delivered && read?.callback?.attempts == 1)
            #expect(read?.callback?.lastAttemptAt != nil && read?.status.rawValue == status)
            stage.harness.standIn.expireTTL(ofJob: plan.id.description)
            try await eventually("nothing holds it") { stage.job(plan) == nil }
            #expect(stage.receiver.calls.count == 1)
        }
    }

    @Test("the caller of a cancelled build is told once nothing of it runs, and only then its version is free")
    func cancelled() async throws {
        try await play { stage in
            let plan = try await stage.plan(.holds)
            let builder = try stage.service()
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("it builds") { try await stage.isBuilding(plan) }
            let answer = try await builder.cancel(plan.id)
            #expect(answer?.status == .cancelled)
            try await eventually("it is told and gone") { stage.job(plan) == nil }
            #expect(try stage.statuses() == ["cancelled"])
            #expect(stage.receiver.calls.first?.text.contains("v1.2.3 is free once its callback is over") == true)
            #expect(stage.harness.pushed.isEmpty)
        }
    }

    @Test("while its caller cannot be told, a cancelled build reads as cancelled and holds its version")
    func cancelledAndHeld() async throws {
        let answer = Mutex(503)
        try await play(.init { _, _ in .status(answer.withLock(\.self)) }) { stage in
            let plan = try await stage.plan(.holds)
            let builder = try stage.service()
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("it runs") { try await builder.build(plan.id)?.status == .running }
            _ = try await builder.cancel(plan.id)
            try await eventually("the first attempt is recorded") { stage.callback(plan)?.status == .retrying }
            let other = try stage.harness.kubernetesBuilder()
            #expect(try await other.build(plan.id)?.status == .cancelled)
            guard case .nameTaken = try await other.create(plan) else {
                Issue.record("the name is held")
                return
            }
            answer.withLock { $0 = 200 }
            try await eventually("it is told and gone") { stage.job(plan) == nil }
            #expect(Set(try stage.statuses()) == ["cancelled"] && Set(stage.receiver.calls.map(\.id)).count == 1)
        }
    }

    @Test("a build deleted in the background is stopped all the same, and its caller told")
    func background() async throws {
        try await play { stage in
            let plan = try await stage.plan(.holds)
            let builder = try stage.service()
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("it builds") { try await stage.isBuilding(plan) }
            _ = try await builder.client.deleteJob(named: plan.id.description, propagation: .background)
            try await eventually("it is told and gone") { stage.job(plan) == nil }
            #expect(try stage.statuses() == ["cancelled"] && stage.harness.pushed.isEmpty)
            let deletions = stage.harness.standIn.requests.filter { $0.method == "DELETE" }
            let followUps = deletions.map { String(decoding: $0.body, as: UTF8.self).contains("Foreground") }.drop {
                !$0
            }
            #expect(!followUps.isEmpty && followUps.count == deletions.count - 1, "one may be sent again")
            #expect(try await stage.harness.livingRuns(of: plan.id) == 0)
        }
    }

    @Test("all cancelled builds are stopped, and their callers told, while the registry is slow for one of them")
    func manyCancelled() async throws {
        try await play { stage in
            var plans: [BuildPlan] = []
            for index in 0..<4 { plans.append(try await stage.plan(.holds, "v1.0.\(index)")) }
            let slow = plans[0].id.description
            let maker = try stage.service()
            for plan in plans { try await create(plan, with: maker) }
            for plan in plans {
                _ = try await maker.client.deleteJob(named: plan.id.description, propagation: .background)
            }
            stage.harness.start(
                try stage.service(
                    cluster: stage.harness.anyTransport.holdingUp { request in
                        request.method == .get && request.url.description.contains(slow)
                    }))
            try await eventually("the others are told and gone") {
                plans.dropFirst().allSatisfy { stage.job($0) == nil }
            }
            #expect(stage.finalizers(plans[0]).contains(Self.finalizer))
        }
    }

    @Test("a Job whose time is up before its caller could be told stays until then, also without its Pod")
    func expired() async throws {
        let answer = Mutex(503)
        try await play(.init { _, _ in .status(answer.withLock(\.self)) }) { stage in
            let plan = try await stage.plan()
            let builder = try stage.service()
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("the first attempt is recorded") { stage.callback(plan)?.status == .retrying }
            stage.harness.standIn.expireTTL(ofJob: plan.id.description)
            try await eventually("only the finalizer holds it") {
                stage.finalizers(plan) == [Self.finalizer]
                    && stage.harness.standIn.pods(ofJob: plan.id.description).isEmpty
            }
            #expect(stage.job(plan)?["metadata"]?["deletionTimestamp"] != nil)
            answer.withLock { $0 = 200 }
            try await eventually("it is told and gone") { stage.job(plan) == nil }
            #expect(Set(try stage.statuses()) == ["succeeded"], "what was recorded counts")
            #expect(Set(stage.receiver.calls.map(\.body)).count == 1)
        }
    }

    // MARK: Finalizers

    @Test("finalizers of others stay")
    func others() async throws {
        let name = "  name: '${JOB_NAME}'\n"
        let template = KubernetesHarness.template.replacing(
            name, with: "\(name)  finalizers: [example.com/a, example.com/b]\n")
        try #require(template != KubernetesHarness.template)
        try await play { stage in
            let plan = try await stage.plan()
            let builder = try stage.service(template: template)
            try await create(plan, with: builder)
            #expect(stage.finalizers(plan) == ["example.com/a", "example.com/b", Self.finalizer])
            stage.harness.start(builder)
            try await eventually("it is delivered") { stage.callback(plan)?.status == .delivered }
            #expect(stage.finalizers(plan) == ["example.com/a", "example.com/b"])
        }
    }

    @Test("a Job that is taken back, and one without a callback, is never held", arguments: [false, true])
    func neverHeld(isTakenBack: Bool) async throws {
        try await play { stage in
            var plan = try await stage.plan()
            if isTakenBack { try stage.registry.push(plan.image.description) } else { plan.callbackURL = nil }
            let builder = try stage.service()
            stage.harness.start(builder)
            let creation = try await builder.create(plan)
            if case .nameTaken = creation {
                #expect(isTakenBack)
                try await eventually("it is gone") { stage.job(plan) == nil }
            } else {
                #expect(!isTakenBack)
                try await eventually("it ends") { try await builder.build(plan.id)?.status == .succeeded }
            }
            let states = stage.harness.standIn.changes(since: "0").filter { $0.kind == .jobs }.compactMap(\.object)
            #expect(!states.isEmpty)
            #expect(!states.contains { "\($0["metadata"]?["finalizers"] ?? .null)".contains(Self.finalizer) })
            #expect(stage.receiver.calls.isEmpty)
        }
    }

    @Test("a build that the leader resumes is held as well")
    func resumed() async throws {
        try await play { stage in
            let plan = try await stage.plan()
            let isDead = Mutex(false)
            let cluster = stage.harness.anyTransport
            let maker = try stage.service(
                cluster: TestTransport { request in
                    // The first request is the create; its maker dies before it sends another.
                    let wasDead = isDead.withLock { isDead in
                        defer { isDead = true }
                        return isDead
                    }
                    guard wasDead else { return try await cluster.send(request) }
                    throw CancellationError()
                })
            _ = try? await maker.create(plan)
            try #require(stage.job(plan)?["spec"]?["suspend"] == true)
            #expect(stage.finalizers(plan).isEmpty)
            stage.harness.start(try stage.service { $0.longestSuspension = .milliseconds(100) })
            try await eventually("it is delivered") { stage.callback(plan)?.status == .delivered }
            #expect(stage.finalizers(plan).isEmpty)
            let states = stage.harness.standIn.changes(since: "0").filter { $0.kind == .jobs }.compactMap(\.object)
            #expect(states.contains { "\($0["metadata"]?["finalizers"] ?? .null)".contains(Self.finalizer) })
        }
    }

    @Test("a finalizer that comes late, after the callback was over, is taken away, and nothing is sent again")
    func late() async throws {
        try await play { stage in
            let plan = try await stage.plan()
            let builder = try stage.service()
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("it is delivered") { stage.callback(plan)?.status == .delivered }
            _ = try await builder.client.patchJob(
                named: plan.id.description, .merge(["metadata": ["finalizers": [.string(Self.finalizer)]]]))
            try await eventually("it is gone again") { stage.finalizers(plan).isEmpty }
            #expect(stage.receiver.calls.count == 1 && stage.callback(plan)?.status == .delivered)
        }
    }

    @Test(
        "a Job that is no build of ours any more is let go once it has ended or is deleted", arguments: [false, true])
    func stray(isDeleted: Bool) async throws {
        try await play { stage in
            let plan = try await stage.plan(.holds)
            try await create(plan, with: try stage.service())
            let naming = try ImageNaming(registry: kubernetesNaming.registry, prefix: "elsewhere")
            let builder = try stage.service(naming: naming)
            stage.harness.start(builder)
            try await eventually("it is seen") { builder.board.strays.count == 1 }
            try await Task.sleep(for: .milliseconds(500))
            #expect(stage.finalizers(plan) == [Self.finalizer], "nobody knows yet how it ends")
            if isDeleted {
                _ = try await builder.client.deleteJob(named: plan.id.description, propagation: .background)
                try await eventually("it is gone") { stage.job(plan) == nil }
            } else {
                try await stage.harness.release(plan.id)
                try await eventually("it is let go") { stage.finalizers(plan).isEmpty }
                #expect(stage.callback(plan)?.status == .abandoned)
                #expect(stage.callback(plan)?.lastAnswer?.contains("REPOSITORY_PREFIX") == true)
            }
            try await eventually("it is logged") {
                stage.book.text.contains("warning callback abandoned attempts=0 build=\(plan.id)")
            }
            #expect(stage.receiver.calls.isEmpty && builder.board.strays.count <= 1)
        }
    }

    // MARK: Giving up

    @Test(
        "a callback that is given up lets the Job go, and is seen on the Job and in the log",
        arguments: [
            ("http://127.0.0.1", 1, "answered 410"), ("https://n8n.example", 0, "CALLBACK_ALLOWED_HOSTS"),
            ("", 0, "not allowed"),
        ])
    func abandoned(targets: String, attempts: Int, reason: String) async throws {
        try await play(.init { _, _ in .status(410) }) { stage in
            let plan = try await stage.plan()
            let builder = try stage.service(targets: targets)
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("it is given up") { stage.callback(plan)?.status == .abandoned }
            #expect(stage.finalizers(plan).isEmpty && stage.receiver.calls.count == attempts)
            let read = try await builder.build(plan.id)
            #expect(read?.callback?.attempts == attempts && read?.callback?.lastAnswer?.contains(reason) == true)
            #expect(stage.book.text.contains("warning callback abandoned attempts=\(attempts) build=\(plan.id)"))
            #expect(!stage.book.text.contains("webhook-waiting") && !stage.book.text.contains("signature"))
        }
    }

    @Test("a service that does not call back leaves no Job behind that is held")
    func noSender() async throws {
        try await play { stage in
            let plan = try await stage.plan()
            let builder = try stage.harness.kubernetesBuilder(logger: stage.book.logger)
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("it is given up") { stage.callback(plan)?.status == .abandoned }
            #expect(stage.finalizers(plan).isEmpty && stage.book.text.contains("callback abandoned"))
        }
    }

    @Test("a build that is cancelled before it may run has nobody to tell, and the log says so")
    func cancelledBeforeStart() async throws {
        try await play { stage in
            let plan = try await stage.plan()
            let cluster = stage.harness.anyTransport
            let builder = try stage.service(
                cluster: TestTransport { request in
                    if request.method == .patch {
                        let client = try stage.harness.kubernetesBuilder().client
                        _ = try await client.deleteJob(named: plan.id.description, propagation: .foreground)
                        try await eventually("it is gone") { stage.job(plan) == nil }
                    }
                    return try await cluster.send(request)
                })
            try await create(plan, with: builder)
            #expect(stage.job(plan) == nil)
            #expect(stage.book.text.contains("warning callback abandoned attempts=0 build=\(plan.id)"))
        }
    }

    // MARK: Trouble

    @Test("an n8n workflow that does not wait yet is told once it does")
    func conflict() async throws {
        try await play(.init { number, _ in .status(number < 3 ? 409 : 200) }) { stage in
            let plan = try await stage.plan()
            let builder = try stage.service()
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("it is delivered") { stage.callback(plan)?.status == .delivered }
            #expect(stage.callback(plan)?.attempts == 3 && Set(stage.receiver.calls.map(\.id)).count == 1)
            #expect(Set(stage.receiver.calls.map(\.body)).count == 1)
        }
    }

    @Test("a receiver that is down is told once it is up")
    func down() async throws {
        try await play { stage in
            let plan = try await stage.plan()
            stage.receiver.stop()
            let builder = try stage.service()
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("an attempt has failed") { stage.callback(plan)?.status == .retrying }
            #expect(stage.callback(plan)?.nextAttemptAt != nil && stage.finalizers(plan) == [Self.finalizer])
            #expect(stage.callback(plan)?.lastAnswer?.contains("webhook-waiting") == false)
            let receiver = try CallbackReceiver(port: stage.receiver.port)
            defer { receiver.stop() }
            try await eventually("it is delivered") { stage.callback(plan)?.status == .delivered }
            #expect(receiver.calls.count == 1 && stage.finalizers(plan).isEmpty)
        }
    }

    @Test("a record that meets another change of the Job, or a lost answer, is tried again, and nothing sent again")
    func recordingFails() async throws {
        try await play { stage in
            let plan = try await stage.plan()
            let isRecord: @Sendable (APIRequest) -> Bool = { request in
                request.method == "PATCH" && String(decoding: request.body, as: UTF8.self).contains("\"finalizers\"")
                    && !String(decoding: request.body, as: UTF8.self).contains("suspend")
            }
            stage.harness.standIn.inject(
                .status(409, reason: "Conflict", message: "the object has been modified", retryAfter: nil), times: 2,
                into: isRecord)
            stage.harness.standIn.inject(.dropAnswer, into: isRecord)
            let builder = try stage.service()
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("it is delivered") { stage.callback(plan)?.status == .delivered }
            try await Task.sleep(for: .milliseconds(300))
            #expect(stage.receiver.calls.count == 1 && stage.finalizers(plan).isEmpty)
        }
    }

    @Test("tags are moved once, however often the caller was not to be reached")
    func movedOnce() async throws {
        try await play(.init { _, _ in .status(503) }) { stage in
            let registry = try MovingTagsRegistry(["v1.2.3"])
            let moving = MovingTags(
                kinds: [.latest], registry: registry, policy: VersionPolicy(initial: kubernetesInitial),
                logger: .silent)
            let plan = try await stage.plan()
            let builder = try stage.service(movingTags: moving)
            stage.harness.start(builder)
            try await create(plan, with: builder)
            func listings() -> Int { registry.calls.count { $0 == .list } }
            try await eventually("once to see what is due, once to see that it is done") { listings() == 2 }
            let attempts = stage.callback(plan)?.attempts ?? 0
            try await eventually("attempts have failed since") { stage.callback(plan)?.attempts ?? 0 >= attempts + 2 }
            #expect(listings() == 2)
        }
    }

    // MARK: Replicas

    @Test("of two replicas one delivers, each callback once")
    func oneDelivers() async throws {
        try await play { stage in
            let builders = [try stage.service(), try stage.service()]
            for builder in builders { stage.harness.start(builder) }
            var plans: [BuildPlan] = []
            for index in 0..<6 { plans.append(try await stage.plan(.succeeds, "v1.0.\(index)")) }
            for plan in plans { try await create(plan, with: builders[0]) }
            try await eventually("all are delivered") {
                plans.allSatisfy { stage.callback($0)?.status == .delivered }
            }
            try await Task.sleep(for: .milliseconds(300))
            #expect(
                stage.receiver.calls.count == plans.count && Set(stage.receiver.calls.map(\.id)).count == plans.count)
        }
    }

    @Test(
        "what another process has recorded meanwhile stays",
        arguments: [Callback(status: .delivered, attempts: 1), Callback(status: .retrying, attempts: 7)])
    func newerState(other: Callback) async throws {
        let answer = Mutex(500)
        try await play(.init { _, _ in .status(answer.withLock(\.self)) }) { stage in
            let plan = try await stage.plan()
            let cluster = stage.harness.anyTransport
            let hasMet = Mutex(false)
            var late = other
            late.nextAttemptAt = other.status.isFinal ? nil : Date(timeIntervalSinceNow: 3600)
            let note = try #require(late.annotation)
            let builder = try stage.service(
                cluster: TestTransport { request in
                    let body = String(decoding: request.body ?? [], as: UTF8.self)
                    let isRecord = body.contains("\"\(Self.finalizer)\"") && !body.contains("suspend")
                    if isRecord, !hasMet.withLock(\.self) {
                        _ = try await stage.harness.kubernetesBuilder().client.patchJob(
                            named: plan.id.description,
                            .merge(["metadata": ["annotations": [Self.finalizer: .string(note)]]]))
                        hasMet.withLock { $0 = true }
                    }
                    return try await cluster.send(request)
                })
            stage.harness.start(builder)
            try await create(plan, with: builder)
            try await eventually("it is sent") { stage.receiver.calls.count == 1 && hasMet.withLock(\.self) }
            try await eventually("it is settled") { stage.finalizers(plan).isEmpty == other.status.isFinal }
            try await Task.sleep(for: .milliseconds(500))
            #expect(stage.callback(plan)?.status == other.status && stage.callback(plan)?.attempts == other.attempts)
        }
    }

    @Test("a leader that dies between sending and recording leaves it to the next, which sends the same again")
    func killedAfterSending() async throws {
        try await play { stage in
            let plan = try await stage.plan()
            let cluster = stage.harness.anyTransport
            let dying = try stage.service(
                cluster: TestTransport { request in
                    let body = String(decoding: request.body ?? [], as: UTF8.self)
                    if body.contains("\"\(Self.finalizer)\"") && !body.contains("suspend") {
                        try await Task.sleep(for: .seconds(3600))
                    }
                    return try await cluster.send(request)
                })
            let first = stage.harness.start(dying)
            try await eventually("it leads") { try await stage.harness.leader() == dying.identity }
            try await create(plan, with: dying)
            try await eventually("it is sent") { stage.receiver.calls.count == 1 }
            #expect(stage.callback(plan) == nil)
            first.cancel()
            await first.value
            stage.harness.start(try stage.service())
            try await eventually("it is delivered") { stage.callback(plan)?.status == .delivered }
            #expect(stage.receiver.calls.count == 2 && stage.finalizers(plan).isEmpty)
            #expect(Set(stage.receiver.calls.map(\.id)) == ["msg_build-app-example-v1-2-3_1795339355125"])
            #expect(Set(stage.receiver.calls.map(\.body)).count == 1)
        }
    }

    @Test("a leader that is stopped while it sends records what came of it before another leads")
    func stoppedWhileSending() async throws {
        try await play { stage in
            let plan = try await stage.plan()
            let hasBegun = Mutex(false)
            let mayEnd = Gate()
            let transport = stage.transport
            let stopped = try stage.service(
                { $0.longestCallbackEnding = .seconds(60) },
                transport: TestTransport { request in
                    hasBegun.withLock { $0 = true }
                    try await mayEnd.wait()
                    return try await transport.send(request)
                })
            let first = stage.harness.start(stopped)
            try await create(plan, with: stopped)
            try await eventually("it is about to be sent") { hasBegun.withLock(\.self) }
            first.cancel()
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await stage.harness.leader() == stopped.identity)
            mayEnd.open()
            await first.value
            #expect(stage.callback(plan)?.status == .delivered && stage.finalizers(plan).isEmpty)
            #expect(try await stage.harness.leader() == nil)
        }
    }

    @Test("a leader that dies before it has sent leaves it to the next")
    func killedBeforeSending() async throws {
        try await play { stage in
            let plan = try await stage.plan()
            let hasBegun = Mutex(false)
            let dying = try stage.service(
                transport: TestTransport { _ in
                    hasBegun.withLock { $0 = true }
                    try await Task.sleep(for: .seconds(3600))
                    throw CancellationError()
                })
            let first = stage.harness.start(dying)
            try await create(plan, with: dying)
            try await eventually("it is about to be sent") { hasBegun.withLock(\.self) }
            first.cancel()
            await first.value
            stage.harness.start(try stage.service())
            try await eventually("it is delivered") { stage.callback(plan)?.status == .delivered }
            #expect(stage.receiver.calls.count == 1 && stage.callback(plan)?.attempts == 1)
        }
    }

    // MARK: The annotation

    @Test("the state is read as it was written, to the microsecond")
    func annotation() throws {
        let time = Date(timeIntervalSince1970: 1_795_339_355.125)
        let callback = Callback(
            status: .retrying, attempts: 3, firstAttemptAt: time, lastAttemptAt: time + 1,
            lastAnswer: "answered 409: \"\\/\"",
            nextAttemptAt: time + 2, conflictSince: time)
        let text = try #require(callback.annotation)
        #expect(Callback(annotation: text) == callback)
        #expect(text.contains(#""firstAttemptAt":"2026-11-22T09:22:35.125000Z""#), "\(text)")
        for other in ["", "{}", "null", "{\"status\":\"lost\",\"attempts\":1}"] {
            #expect(Callback(annotation: other) == nil)
        }
    }
}

extension Transport {
    /// Never answers some requests.
    fileprivate func holdingUp(_ isHeldUp: @escaping @Sendable (OutboundRequest) -> Bool) -> TestTransport {
        TestTransport { request in
            if isHeldUp(request) { try await Task.sleep(for: .seconds(3600)) }
            return try await send(request)
        }
    }
}
