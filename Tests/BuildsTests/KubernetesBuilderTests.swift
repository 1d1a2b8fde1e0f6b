import FoundationEssentials
import HTTPTransport
import KubernetesClient
import KubernetesStandIn
import OCIDistribution
import SemanticVersions
import Synchronization
import Testing

@testable import Builds

@Suite("Kubernetes Jobs as builds")
struct KubernetesBuilderTests {
    /// A harness with a registry in memory, and a builder.
    private func withBuilder(
        _ body: (KubernetesHarness, KubernetesJobBuilder, MemoryRegistry) async throws -> Void
    ) async throws {
        let registry = MemoryRegistry()
        let destination = KubernetesHarness.Destination(registry: registry) { try registry.push($0) }
        try await KubernetesHarness.run(destination: destination) { harness in
            try await body(harness, try harness.kubernetesBuilder(), registry)
        }
    }

    private static func isCreate(_ request: APIRequest) -> Bool {
        request.method == "POST" && request.target.contains("/jobs")
    }
    /// A merge, unlike the list of operations that lets a Job run.
    private static func isMerge(_ request: APIRequest) -> Bool { request.body.first == UInt8(ascii: "{") }
    private static func isDelete(_ request: APIRequest) -> Bool { request.method == "DELETE" }

    private func script(_ harness: KubernetesHarness, _ script: PodScript) {
        harness.standIn.withSettings { $0.script = { _, _ in script } }
    }

    /// The build once something holds for it.
    private func build(
        _ id: BuildID, _ builder: KubernetesJobBuilder, _ harness: KubernetesHarness, until holds: (Build) -> Bool
    ) async throws -> Build {
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: harness.patience)
        while true {
            let build = try #require(try await builder.build(id))
            if holds(build) { return build }
            try #require(clock.now < end, "still \(build.status): \(build.message)")
            try await clock.sleep(for: .milliseconds(10))
        }
    }

    private func jobs(_ harness: KubernetesHarness) -> [JSONValue] {
        harness.standIn.jobNames.compactMap(harness.standIn.job)
    }

    // MARK: Creating

    @Test(
        "a create whose answer is lost becomes a definite answer, and one Job",
        arguments: [
            [Fault.dropAnswer], [.dropRequest], [.html(502)],
            [.status(503, reason: "ServiceUnavailable", message: "not now")],
            [.status(504, reason: "Timeout", message: "request did not complete")], [.dropAnswer, .dropAnswer],
            [.dropRequest, .dropAnswer], [.status(500, reason: "InternalError", message: "etcd"), .dropAnswer],
        ])
    func lostAnswers(_ faults: [Fault]) async throws {
        try await withBuilder { harness, builder, _ in
            for fault in faults { harness.standIn.inject(fault, into: Self.isCreate) }
            let plan = try kubernetesPlan()
            guard case .created(let build) = try await builder.create(plan) else {
                Issue.record("nobody else has the name")
                return
            }
            #expect(build.id == plan.id && build.status == .queued)
            #expect(harness.standIn.jobNames == ["build-app-example-v1-2-3"])
            #expect(harness.standIn.requests.filter(Self.isCreate).count == faults.count + 1)
        }
    }

    @Test("a lost answer is not taken for the Job of somebody else", arguments: [Fault.dropRequest, .dropAnswer])
    func lostAnswerOfATakenName(_ fault: Fault) async throws {
        try await withBuilder { harness, builder, _ in
            let plan = try kubernetesPlan()
            guard case .created = try await builder.create(plan) else {
                Issue.record("the name is free")
                return
            }
            let before = jobs(harness).map { $0["metadata"]?["uid"] }
            harness.standIn.inject(fault, into: Self.isCreate)
            guard case .nameTaken = try await builder.create(plan) else {
                Issue.record("the name is taken")
                return
            }
            #expect(jobs(harness).map { $0["metadata"]?["uid"] } == before)
        }
    }

    @Test("when every answer is lost, the error says so and the creates are bounded")
    func allAnswersLost() async throws {
        try await withBuilder { harness, builder, _ in
            harness.standIn.inject(.dropAnswer, times: 10, into: Self.isCreate)
            let error = await #expect(throws: KubernetesError.self) { try await builder.create(try kubernetesPlan()) }
            #expect(error?.code == .unreachable)
            #expect(harness.standIn.requests.filter(Self.isCreate).count == 3)
        }
    }

    @Test("a refusal is passed on with the cluster's own words, and nothing is reserved or tried again")
    func refused() async throws {
        try await withBuilder { harness, builder, _ in
            harness.standIn.withSettings { $0.jobQuota = 0 }
            let quota = await #expect(throws: KubernetesError.self) { try await builder.create(try kubernetesPlan()) }
            #expect(quota?.code == .quotaExceeded)
            harness.standIn.withSettings { settings in
                settings.jobQuota = nil
                settings.allowed = settings.allowed.filter { $0.description != "create jobs.batch" }
            }
            let forbidden = await #expect(throws: KubernetesError.self) {
                try await builder.create(try kubernetesPlan())
            }
            #expect(forbidden?.code == .forbidden)
            #expect(forbidden?.description.contains("create jobs.batch") == true)
            #expect(harness.standIn.jobNames.isEmpty)
            #expect(harness.standIn.requests.filter(Self.isCreate).count == 2)
        }
    }

    @Test("a version whose tag appeared before its reservation is given back")
    func pushedBeforeTheReservation() async throws {
        try await withBuilder { harness, builder, registry in
            script(harness, .unschedulable)
            let plan = try kubernetesPlan()
            let digest = try registry.push(plan.image.description)
            guard case .nameTaken = try await builder.create(plan) else {
                Issue.record("the tag belongs to somebody else")
                return
            }
            try await harness.standIn.waitUntil("the Job is gone") { $0.jobNames.isEmpty }
            #expect(harness.standIn.podNames.isEmpty && harness.pushed.isEmpty, "nothing of it has run")
            #expect(
                try await registry.servedDigest(of: try Tag("v1.2.3"), in: plan.image.repository)?.description == digest
            )
        }
    }

    @Test("the API server takes the Job as it is, every field of it")
    func strictly() async throws {
        try await KubernetesHarness.run { harness in
            var plan = try kubernetesPlan()
            plan.platforms = [try Platform("linux/arm64")]
            plan.callbackURL = "https://automation.example/hook"
            let job = try JobTemplate().render(plan, namespace: "build-system", reservation: "r")
            let created = try await harness.kubernetesBuilder().client.createJob(
                job, isDryRun: true, validation: .strict)
            #expect(created.warnings.isEmpty)
        }
    }

    // MARK: Listing

    @Test("a listing is complete over all its pages")
    func pages() async throws {
        try await KubernetesHarness.run { harness in
            let builder = try harness.kubernetesBuilder(pageSize: 2)
            for number in 0..<7 { _ = try await builder.create(try kubernetesPlan("v1.0.\(number)")) }
            #expect(try await builder.builds(of: nil).count == 7)
        }
    }

    /// A Job as somebody else makes it, by replacing the template's placeholders as text.
    private func foreignJob(
        _ name: String, image: String, webapp: String = "app-example", change: (String) -> String = { $0 }
    ) throws -> JSONValue {
        let values: [(JobTemplate.Placeholder, String)] = [
            (.jobName, name), (.webappName, webapp), (.gitURL, "https://git.example/webapps.git"),
            (.gitSubdirectory, "apps/succeeds"),
            (.image, image),
        ]
        return try JSONValue(
            yaml: change(values.reduce(KubernetesHarness.template) { $0.replacing($1.0.text, with: $1.1) }))
    }

    @Test("Jobs that others make from the template are builds like any other, by whatever name")
    func foreignJobs() async throws {
        try await withBuilder { harness, builder, _ in
            let image = "registry.example:5115/webapp/app-example"
            _ = try await builder.client.createJob(
                try foreignJob("build-app-example-1700000000000", image: "\(image):v1.0.0"))
            _ = try await builder.client.createJob(try foreignJob("build-app-example-v1.1.0", image: "\(image):v1.1.0"))
            // Labelled with the name of one webapp, pushing to the repository of another: what is pushed counts.
            _ = try await builder.client.createJob(
                try foreignJob("wrong-label", image: "\(image):v1.2.0", webapp: "app-other"))
            _ = try await builder.client.createJob(
                try foreignJob("elsewhere", image: "registry.example:5115/cache/x:v9.0.0"))
            let webapp = try WebappName("app-example")
            #expect(try await builder.builds(of: webapp).map(\.version.tag).sorted() == ["v1.0.0", "v1.1.0", "v1.2.0"])
            #expect(try await builder.builds(of: try WebappName("app-other")).isEmpty)
            for id in ["build-app-example-1700000000000", "build-app-example-v1-1-0"] {
                let build = try await build(try BuildID(id), builder, harness) { $0.status.isFinal }
                #expect(build.status == .succeeded && build.git.commit == PodScript.recordedCommit)
                #expect(try await text(builder, build.id).contains("fetched commit"))
            }
        }
    }

    @Test("while a build runs that nobody can read, no version is safe to give")
    func unreadableJob() async throws {
        try await withBuilder { harness, builder, _ in
            script(harness, .endless)
            let hidden = try foreignJob("hidden", image: "x") {
                $0.replacing("value: 'x'", with: "valueFrom: {secretKeyRef: {name: a, key: b}}")
            }
            _ = try await builder.client.createJob(hidden)
            let error = await #expect(throws: BuildsError.self) {
                try await builder.builds(of: try WebappName("app-example"))
            }
            #expect(error?.code == .builderUnavailable)
            #expect(error?.description.contains("hidden") == true)
            harness.standIn.exceedDeadline(ofJob: "hidden")
            try await harness.standIn.waitUntil("the Job has failed") {
                $0.job("hidden")?["status"]?["conditions"]?.array?.contains { $0["type"] == "Failed" } == true
            }
            #expect(try await builder.builds(of: nil).isEmpty)
        }
    }

    @Test("Jobs that are no builds are never shown, followed or deleted")
    func otherJobs() async throws {
        try await withBuilder { harness, builder, _ in
            let image = "registry.example:5115/webapp/app-example:v1.2.3"
            let backup = try foreignJob("backup", image: image) {
                $0.replacing("component: builder", with: "component: backup")
            }
            _ = try await builder.client.createJob(backup)
            let id = try BuildID("backup")
            #expect(try await builder.build(id) == nil)
            #expect(try await builder.log(of: id, .soFar) == nil)
            #expect(try await builder.cancel(id) == nil)
            #expect(try await builder.builds(of: nil).isEmpty)
            #expect(harness.standIn.jobNames == ["backup"])
            #expect(!harness.standIn.requests.contains(where: Self.isDelete))
        }
    }

    // MARK: Ending

    @Test("a Job that completed has succeeded once the registry serves the tag, and that is recorded on it")
    func verification() async throws {
        try await withBuilder { harness, builder, registry in
            script(harness, .success { _ in "sha256:\(String(repeating: "0", count: 64))" })
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            let verifying = try await build(plan.id, builder, harness) { $0.message.contains("does not serve") }
            #expect(verifying.status == .running && verifying.phase == .verifying && verifying.digest == nil)

            registry.become(.failing)
            let failing = try #require(try await builder.build(plan.id))
            #expect(failing.status == .running && failing.phase == .verifying)
            #expect(failing.message.contains("503 out of order"))

            registry.become(.well)
            let digest = try registry.push(plan.image.description)
            let done = try #require(try await builder.build(plan.id))
            #expect(done.status == .succeeded && done.digest?.description == digest)
            let notes = harness.standIn.job(plan.id.description)?["metadata"]?["annotations"]
            #expect(notes?["registry-query/status"] == "succeeded" && notes?["registry-query/digest"]?.string == digest)
            #expect(notes?["registry-query/commit"]?.string == PodScript.recordedCommit)

            // Nobody is asked again, and nothing is lost with the Pod.
            let questions = registry.questions
            for pod in harness.standIn.podNames { harness.standIn.deletePod(pod) }
            try await harness.standIn.waitUntil("the Pod is gone") { $0.podNames.isEmpty }
            #expect(try await builder.build(plan.id) == done)
            #expect(try await builder.builds(of: plan.webapp) == [done])
            #expect(registry.questions == questions)
            let error = await #expect(throws: BuildsError.self) { try await builder.log(of: plan.id, .following) }
            #expect(error?.code == .logUnavailable && error?.description.contains("succeeded") == true)
        }
    }

    @Test("a Job that completed without the tag ever being served has failed")
    func neverServed() async throws {
        try await withBuilder { harness, builder, _ in
            script(harness, .success { _ in "sha256:0" })
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            _ = try await build(plan.id, builder, harness) { $0.message.contains("does not serve") }
            let later = try harness.kubernetesBuilder(now: { Date(timeIntervalSinceNow: 60) })
            let build = try #require(try await later.build(plan.id))
            #expect(build.status == .failed && build.message.contains("REGISTRY_ENDPOINT"))
            #expect(try await builder.build(plan.id) == build)
        }
    }

    @Test("a registry that never answers holds no answer up")
    func silentRegistry() async throws {
        try await withBuilder { harness, builder, registry in
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            registry.become(.silent)
            try await harness.standIn.waitUntil("the Job has completed") {
                $0.job(plan.id.description)?["status"]?["succeeded"] == 1
            }
            let hurried = try harness.kubernetesBuilder(clock: HurriedClock())
            #expect(try await hurried.build(plan.id)?.phase == .verifying)
            #expect(try await hurried.builds(of: nil).map(\.phase) == [.verifying])
            registry.become(.well)
            #expect(try await builder.build(plan.id)?.status == .succeeded)
        }
    }

    @Test("a failed build that had pushed says so, and is still a failed one")
    func pushedAndFailed() async throws {
        try await withBuilder { harness, builder, registry in
            var push = PodScript.success { try registry.push($0.image) }
            push.steps.removeLast()
            push.steps.append(.mainEnds(exitCode: 1, message: "open /result/metadata.json: read-only file system"))
            script(harness, push)
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            let build = try await build(plan.id, builder, harness) { $0.status.isFinal }
            #expect(build.status == .failed && build.digest != nil)
            #expect(build.message.contains("read-only file system"))
            #expect(build.message.contains("nevertheless the registry serves"))
        }
    }

    @Test("where a container left no word, the end of its log tells")
    func silentFailure() async throws {
        try await withBuilder { harness, builder, _ in
            var silent = PodScript.failedMain
            silent.steps.removeLast()
            silent.steps.append(.mainEnds(exitCode: 1, message: ""))
            script(harness, silent)
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            let build = try await build(plan.id, builder, harness) { $0.status.isFinal }
            #expect(build.message.contains("[3/3] RUN npm ci (Dockerfile:3): npm error code E404"), "\(build.message)")
            #expect(harness.standIn.requests.contains { $0.query["tailLines"] != nil })
        }
    }

    struct Ending: Sendable {
        var script: PodScript
        var says: [String]
    }

    @Test(
        "each way to fail has its message",
        arguments: [
            Ending(script: .failedInit, says: ["git-clone failed with exit code 128", "check git.ref"]),
            Ending(
                script: .failedMain,
                says: ["buildkit failed with exit code 1", "npm error code E404", "(Dockerfile:3)"]),
            Ending(script: .oomKilled, says: ["ran out of memory"]),
            Ending(script: .oomInRun, says: ["ran out of memory", "exit code: 137"]),
            Ending(script: .evicted, says: ["Evicted", "exceeds the limit"]),
            Ending(script: .deadlineExceeded, says: ["stopped after 86400 s", "activeDeadlineSeconds"]),
        ])
    func failures(_ ending: Ending) async throws {
        try await withBuilder { harness, builder, _ in
            script(harness, ending.script)
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            let build = try await build(plan.id, builder, harness) { $0.status.isFinal }
            #expect(build.status == .failed)
            for part in ending.says { #expect(build.message.contains(part), "\(build.message)") }
            // What was found out outlives the Pod.
            for pod in harness.standIn.podNames { harness.standIn.deletePod(pod) }
            try await harness.standIn.waitUntil("the Pod is gone") { $0.podNames.isEmpty }
            #expect(try await builder.build(plan.id) == build)
        }
    }

    @Test("what kept the Pod from starting is shown at once, and still known after the deadline")
    func troubleAndDeadline() async throws {
        try await withBuilder { harness, builder, _ in
            script(harness, .unschedulable)
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            let waiting = try await build(plan.id, builder, harness) { $0.message.contains("no node fits") }
            #expect(waiting.status == .queued)
            harness.standIn.exceedDeadline(ofJob: plan.id.description)
            let build = try await build(plan.id, builder, harness) { $0.status.isFinal }
            #expect(build.status == .failed && build.message.contains("it had been waiting: no node fits"))
        }
    }

    @Test("what is known is recorded even while the Job keeps changing, and never on another Job of the same name")
    func recordingConflicts() async throws {
        try await withBuilder { harness, builder, _ in
            let plan = try kubernetesPlan()
            harness.standIn.inject(
                .status(409, reason: "Conflict", message: "the object has been modified"), times: 3
            ) { $0.method == "PATCH" && Self.isMerge($0) }
            _ = try await builder.create(plan)
            try await harness.standIn.waitUntil("the Job has completed") {
                $0.job(plan.id.description)?["status"]?["succeeded"] == 1
            }
            #expect(try await builder.build(plan.id)?.status == .succeeded)
            let notes = harness.standIn.job(plan.id.description)?["metadata"]?["annotations"]
            #expect(notes?["registry-query/status"] == "succeeded")
            let patches = harness.standIn.requests.filter { $0.method == "PATCH" && Self.isMerge($0) }
            #expect(patches.count == 4)
            for patch in patches {
                #expect(try JSONValue(json: patch.body)["metadata"]?["resourceVersion"] != nil)
            }
        }
    }

    // MARK: Cancelling

    @Test("cancelling deletes in the foreground, and only the Job that was looked at")
    func foreground() async throws {
        try await withBuilder { harness, builder, _ in
            script(harness, .endless)
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            _ = try await build(plan.id, builder, harness) { $0.phase == .building }
            let uid = harness.standIn.job(plan.id.description)?["metadata"]?["uid"]
            // The Job changes between the look and the deletion.
            harness.standIn.inject(
                .status(409, reason: "Conflict", message: "the object has been modified"), into: Self.isDelete)
            let cancelled = try #require(try await builder.cancel(plan.id))
            #expect(cancelled.status == .cancelled && cancelled.message.contains("v1.2.3 is free again"))
            #expect(harness.standIn.jobNames.isEmpty && harness.standIn.podNames.isEmpty)
            let deletions = try harness.standIn.requests.filter(Self.isDelete).map { try JSONValue(json: $0.body) }
            #expect(deletions.count == 2)
            for deletion in deletions {
                #expect(deletion["propagationPolicy"] == "Foreground")
                #expect(deletion["preconditions"]?["uid"] == uid)
                #expect(deletion["preconditions"]?["resourceVersion"] != nil)
            }
        }
    }

    @Test("a lost answer to a deletion is followed up", arguments: [Fault.dropAnswer, .dropRequest, .html(502)])
    func lostDeletion(_ fault: Fault) async throws {
        try await withBuilder { harness, builder, _ in
            script(harness, .endless)
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            harness.standIn.inject(fault, into: Self.isDelete)
            #expect(try await builder.cancel(plan.id)?.status == .cancelled)
            #expect(harness.standIn.jobNames.isEmpty)
        }
    }

    @Test("a build that pushed in its last moment is not called free")
    func cancelledAfterPush() async throws {
        try await withBuilder { harness, builder, registry in
            script(harness, .endless)
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            let digest = try registry.push(plan.image.description)
            let cancelled = try #require(try await builder.cancel(plan.id))
            #expect(cancelled.status == .cancelled && cancelled.digest?.description == digest)
            #expect(cancelled.message.contains("had been pushed") && !cancelled.message.contains("free"))
        }
    }

    @Test("a build that has pushed and waits for the registry is not cancelled any more")
    func cancelWhileVerifying() async throws {
        try await withBuilder { harness, builder, _ in
            script(harness, .success { _ in "sha256:0" })
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            _ = try await build(plan.id, builder, harness) { $0.phase == .verifying }
            #expect(try await builder.cancel(plan.id)?.phase == .verifying)
            #expect(harness.standIn.jobNames == [plan.id.description])
            #expect(!harness.standIn.requests.contains(where: Self.isDelete))
        }
    }

    @Test("a build whose Pod does not end in time is still being cancelled, and its name is still taken")
    func slowEnd() async throws {
        try await withBuilder { harness, builder, _ in
            script(harness, PodScript.endless.ignoringTermination)
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            _ = try await build(plan.id, builder, harness) { $0.phase == .building }
            harness.standIn.withSettings { $0.second = .seconds(1) }
            let hurried = try harness.kubernetesBuilder(clock: HurriedClock())
            let cancelled = try #require(try await hurried.cancel(plan.id))
            #expect(cancelled.status == .running && cancelled.message.contains("is being cancelled"))
            guard case .nameTaken = try await builder.create(plan) else {
                Issue.record("the name is free while the Pod lives")
                return
            }
            #expect(try await builder.builds(of: plan.webapp).map(\.id) == [plan.id])
        }
    }

    // MARK: Logs

    private func text(_ builder: KubernetesJobBuilder, _ id: BuildID, _ extent: LogExtent = .soFar) async throws
        -> String
    {
        var bytes: [UInt8] = []
        for try await chunk in try #require(try await builder.log(of: id, extent)) { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("a log that is followed is taken up where a broken connection left it", arguments: [0, 1, 40, 150])
    func brokenLog(_ count: Int) async throws {
        try await withBuilder { harness, builder, _ in
            let plan = try kubernetesPlan()
            harness.standIn.inject(.dropBody(afterBytes: count), times: 4) { $0.query["follow"] == "true" }
            _ = try await builder.create(plan)
            let followed = try await text(builder, plan.id, .following)
            _ = try await build(plan.id, builder, harness) { $0.status.isFinal }
            #expect(followed == (try await text(builder, plan.id)))
            #expect(followed.contains("workspace ready") && followed.contains("#12 DONE 0.1s"))
        }
    }

    @Test("following the log of a failed clone ends, though the build container never starts")
    func failedCloneLog() async throws {
        try await withBuilder { harness, builder, _ in
            script(harness, .failedInit)
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            #expect(
                try await text(builder, plan.id, .following).hasSuffix(
                    "fatal: couldn't find remote ref refs/heads/nosuch\n"))
        }
    }

    @Test("a log is followed also of what starts and ends while the answer that nothing has started is on its way")
    func quickClone() async throws {
        try await withBuilder { harness, _, _ in
            let gate = Gate()
            script(harness, .failedInit.waiting(for: gate) { $0.startsInit })
            let plan = try kubernetesPlan()
            let cluster = harness.anyTransport
            let builder = try harness.kubernetesBuilder(
                transport: TestTransport { request in
                    let answer = try await cluster.send(request)
                    if request.url.description.contains("/log?") {
                        gate.open()
                        try await harness.standIn.waitUntil("the Job has failed") { standIn in
                            let conditions = standIn.job(plan.id.description)?["status"]?["conditions"]?.array ?? []
                            return conditions.contains { $0["type"] == "Failed" }
                        }
                    }
                    return answer
                })
            _ = try await builder.create(plan)
            try await eventually("there is a Pod") { !harness.standIn.podNames.isEmpty }
            #expect(
                try await text(builder, plan.id, .following).hasSuffix(
                    "fatal: couldn't find remote ref refs/heads/nosuch\n"))
        }
    }

    @Test("before anything runs the log is empty, and following it ends with a build that never starts")
    func nothingToLog() async throws {
        try await withBuilder { harness, builder, _ in
            script(harness, .unschedulable)
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            #expect(try await text(builder, plan.id).isEmpty)
            let log = try #require(try await builder.log(of: plan.id, .following))
            harness.standIn.exceedDeadline(ofJob: plan.id.description)
            for try await chunk in log { Issue.record("\(String(decoding: chunk, as: UTF8.self))") }
        }
    }

    // MARK: Readiness

    @Test("readiness is the right to create Jobs in the namespace")
    func readiness() async throws {
        try await withBuilder { harness, builder, _ in
            try await builder.checkReadiness()
            harness.standIn.withSettings { settings in
                settings.allowed = settings.allowed.filter { $0.description != "create jobs.batch" }
            }
            let error = await #expect(throws: BuildsError.self) { try await builder.checkReadiness() }
            #expect(error?.description.contains("may not create jobs.batch in namespace build-system") == true)
            #expect(harness.standIn.jobNames.isEmpty)
        }
    }
}

/// A clock whose waits are over at once, so that every deadline passes first.
final class HurriedClock: Clock {
    typealias Instant = ContinuousClock.Instant

    private let start = ContinuousClock.now
    private let slept = Mutex(Duration.zero)

    var now: Instant { start.advanced(by: slept.withLock(\.self)) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        let wait = now.duration(to: deadline)
        slept.withLock { $0 += max(wait, .zero) }
        await Task.yield()
    }
}
