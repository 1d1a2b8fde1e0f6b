import FoundationEssentials
import KubernetesStandIn
import Testing

@testable import KubernetesClient

@Suite("The stand-in's node runs Pods as the recorded one did", .timeLimit(.minutes(5)))
struct StandInPodTests {
    private func settings(_ script: PodScript) -> StandInSettings {
        var settings = StandInSettings()
        settings.script = { _, _ in script }
        return settings
    }

    /// What a program can learn from a Pod, one line each.
    private func summary(_ pod: Pod) -> [String] {
        var lines = ["phase \(pod.status.phase ?? "-") \(pod.status.reason ?? "-") \(pod.status.message ?? "-")"]
        for condition in pod.status.conditions {
            lines.append("\(condition.type) \(condition.status) \(condition.reason ?? "-") \(condition.message ?? "-")")
        }
        for container in pod.status.initContainerStatuses + pod.status.containerStatuses {
            let state: String
            if let waiting = container.state?.waiting {
                state = "waiting \(waiting.reason ?? "-") \(waiting.message ?? "-")"
            } else if container.state?.running != nil {
                state = "running"
            } else if let end = container.state?.terminated {
                state = "ended \(end.exitCode) \(end.reason ?? "-") \(end.message == nil ? "silent" : "with message")"
            } else {
                state = "nothing"
            }
            lines.append("\(container.name) ready \(container.ready ?? false): \(state)")
        }
        return lines
    }

    @Test("Jobs and Pods that are listed side by side, page by page, are not mixed")
    func pages() async throws {
        var limits = KubernetesClient.Limits()
        limits.pageSize = 2
        var settings = settings(.unschedulable)
        // Long enough that no Job comes to its deadline meanwhile.
        settings.second = .milliseconds(100)
        try await TestCluster.run(settings, limits: limits) { cluster in
            let names = (0..<9).map { "job-\($0)" }
            for name in names { try await cluster.create(name) }
            try await cluster.standIn.waitUntil("each Job has its Pod") { standIn in
                names.allSatisfy { standIn.pods(ofJob: $0).count == 1 }
            }
            for _ in 0..<20 {
                async let jobs = cluster.client.jobs()
                let pods = try await cluster.client.pods()
                #expect(try await jobs.items.map(\.metadata.name) == names)
                #expect(pods.items.map { $0.metadata.name.prefix(5) } == names.map { $0[...] })
            }
        }
    }

    private static let pullMessage =
        "Back-off pulling image \"registry.example/tools/buildkit:v9.9.9\": ErrImagePull: rpc error: code = NotFound"

    /// A recorded Pod, the script that leads there, and how to see that it is there.
    static let states: [(recording: String, script: PodScript, container: String, state: String)] = [
        ("pods-init-waiting", PodScript.success().until(\.accepts), "git-clone", "waiting"),
        ("pods-missing-secret-volume", .missingSecretVolume, "git-clone", "waiting"),
        ("pods-init-running", PodScript.success().until(\.startsInit), "git-clone", "running"),
        ("pods-init-terminated", PodScript.success().until(\.endsInit), "git-clone", "terminated"),
        ("pods-main-running", PodScript.success().until(\.startsMain), "buildkit", "running"),
        ("pods-succeeded", .success(), "buildkit", "terminated"),
        ("pods-failed-init", .failedInit, "git-clone", "terminated"),
        ("pods-failed-main", .failedMain, "buildkit", "terminated"),
        ("pods-failed-oom-in-run", .oomInRun, "buildkit", "terminated"),
        ("pods-oomkilled", .oomKilled, "buildkit", "terminated"), ("pods-evicted", .evicted, "git-clone", "terminated"),
        ("pods-imagepullbackoff", .imagePullBackOff, "buildkit", "waiting"),
        ("pods-createcontainerconfigerror", .missingSecretVariable, "buildkit", "waiting"),
        ("pods-unschedulable", .unschedulable, "", ""),
    ]

    @Test("a Pod tells the same as the recorded one", arguments: 0..<states.count)
    func state(_ index: Int) async throws {
        let one = Self.states[index]
        let item = try #require(try Recording(one.recording).document?["items"]?.array?.first)
        let recorded = summary(try JSONDecoder().decode(Pod.self, from: Data(item.json())))
        try await TestCluster.run(settings(one.script)) { cluster in
            try await cluster.create("build-x")
            // Where conditions follow the states a moment later, they are waited for as well.
            try await cluster.standIn.waitUntil("the Pod looks as recorded") { standIn in
                guard let pod = standIn.pods(ofJob: "build-x").first,
                    let decoded = try? JSONDecoder().decode(Pod.self, from: Data(pod.json()))
                else { return false }
                return StandInPodTests().summary(decoded) == recorded
            }
        }
    }

    @Test("a build lives as the recorded one did, seen through watches and logs")
    func life() async throws {
        let gate = Gate()
        let script = PodScript.success { context in
            #expect(context.image == "registry.example:5115/webapp/app-example:v1.2.3")
            #expect(context.job == "build-x")
            #expect(context.labels["webapp"] == "app-example")
            #expect(context.environment["GIT_REF"] == "main")
            try await gate.wait()
            return "sha256:abc"
        }
        try await TestCluster.run(settings(script)) { cluster in
            let start = cluster.standIn.resourceVersion
            var options = WatchOptions(from: start)
            options.timeoutSeconds = 1_000_000
            let jobs = try await cluster.client.watchJobs(options)
            let pods = try await cluster.client.watchPods(options)
            try await cluster.create("build-x")
            let pod = try await cluster.pod(ofJob: "build-x", when: "buildkit", is: "running")
            async let followed = cluster.log(pod, "buildkit") { $0.follow = true }
            gate.open()
            #expect(try await cluster.outcome(of: "build-x") == .complete)
            let log = try await followed
            #expect(log.hasPrefix("#1 [internal] load build definition from Dockerfile\n"))
            #expect(log.hasSuffix("#12 DONE 0.1s\n"))
            #expect(try await cluster.log(pod, "buildkit") == log)
            #expect(try await cluster.log(pod, "buildkit") { $0.tailLines = 1 } == "#12 DONE 0.1s\n")
            #expect(try await cluster.log(pod, "buildkit") { $0.limitBytes = 5 } == "#1 [i")
            #expect(try await cluster.log(pod, "git-clone").contains("fetched commit \(PodScript.recordedCommit)\n"))
            #expect(try await cluster.log(pod, "nope") == "no such container")
            let stamped = try await cluster.log(pod, "git-clone") { $0.timestamps = true }
            #expect(Timestamp(String(stamped.prefix { $0 != " " })) != nil)

            let ended = try #require(
                try await cluster.client.pods().items.first { $0.metadata.name == pod.metadata.name })
            #expect(ended.container(named: "git-clone")?.state?.terminated?.message == PodScript.recordedCommit)
            #expect(ended.container(named: "buildkit")?.state?.terminated?.message?.contains("sha256:abc") == true)
            #expect(ended.metadata.finalizers == [])

            _ = try await cluster.client.deleteJob(named: "build-x", propagation: .foreground)
            try await cluster.standIn.waitUntil("all is gone") { $0.jobNames.isEmpty && $0.podNames.isEmpty }
            let jobEvents = try await kinds(jobs) {
                $0.outcome.map { "\($0)" } ?? "\($0.status.active)/\($0.status.ready)"
            }
            #expect(
                jobEvents == [
                    "added 0/0", "modified 1/0", "modified 1/1", "modified 1/0", "modified 0/0", "modified complete",
                    "modified complete", "deleted complete",
                ])
            var phases = try await kinds(pods) { $0.status.phase ?? "-" }
            // Each phase once.
            for index in phases.indices.dropFirst().reversed() where phases[index] == phases[index - 1] {
                phases.remove(at: index)
            }
            #expect(
                phases == [
                    "added Pending", "modified Pending", "modified Running", "modified Succeeded", "deleted Succeeded",
                ])
        }
    }

    /// The events of a watch up to the deletion, each with something of its object.
    private func kinds<Object: KubernetesObject>(
        _ watch: Watch<Object>, _ text: (Object) -> String
    ) async throws -> [String] {
        var kinds: [String] = []
        for try await event in watch {
            switch event {
            case .added(let object): kinds.append("added \(text(object))")
            case .modified(let object): kinds.append("modified \(text(object))")
            case .deleted(let object): return kinds + ["deleted \(text(object))"]
            case .bookmark: continue
            }
        }
        return kinds
    }

    static let ends: [(PodScript, Job.Outcome)] = [
        (.failedInit, backoff), (.failedMain, backoff), (.oomKilled, backoff), (.oomInRun, backoff),
        (.evicted, backoff),
        (
            .deadlineExceeded,
            .failed(reason: "DeadlineExceeded", message: "Job was active longer than specified deadline")
        ),
        (PodScript.success { _ in throw PushRefused() }, backoff),
    ]

    struct PushRefused: Error {}

    private static let backoff = Job.Outcome.failed(
        reason: "BackoffLimitExceeded", message: "Job has reached the specified backoff limit")

    @Test("failures end the Job, and the reason is in the Pod", arguments: 0..<ends.count)
    func failure(_ index: Int) async throws {
        let (script, outcome) = Self.ends[index]
        try await TestCluster.run(settings(script)) { cluster in
            try await cluster.create("build-x")
            #expect(try await cluster.outcome(of: "build-x") == outcome)
        }
    }

    @Test("a refused push is the last line of the log and of the message")
    func refusedPush() async throws {
        try await TestCluster.run(settings(PodScript.success { _ in throw PushRefused() })) { cluster in
            try await cluster.create("build-x")
            let pod = try await cluster.pod(ofJob: "build-x", when: "buildkit", is: "terminated")
            let end = try #require(pod.container(named: "buildkit")?.state?.terminated)
            #expect(end.exitCode == 1)
            #expect(end.message?.hasSuffix("error: failed to solve: failed to push: PushRefused()\n") == true)
            #expect(try await cluster.log(pod, "buildkit").hasSuffix("PushRefused()\n"))
        }
    }

    @Test("a log before its container says why there is none")
    func earlyLog() async throws {
        try await TestCluster.run(settings(PodScript.success().until(\.startsInit))) { cluster in
            try await cluster.create("build-x")
            let pod = try await cluster.pod(ofJob: "build-x", when: "git-clone", is: "running")
            #expect(try await cluster.log(pod, "buildkit") == "not started: PodInitializing")
        }
        try await TestCluster.run(settings(.imagePullBackOff)) { cluster in
            try await cluster.create("build-x")
            try await cluster.standIn.waitUntil("the image is missing") { standIn in
                standIn.pods(ofJob: "build-x").first?["status"]?["containerStatuses"]?.array?.first?["state"]?[
                    "waiting"]?[
                        "reason"]?.string?.contains("ImagePull") ?? false
            }
            let pod = try await cluster.pod(ofJob: "build-x", when: "buildkit", is: "waiting")
            #expect(try await cluster.log(pod, "buildkit") == "not started: trying and failing to pull image")
        }
    }

    @Test("a cancelled build's log ends with its last words, and follow ends with it")
    func cancelled() async throws {
        try await TestCluster.run(settings(.endless)) { cluster in
            try await cluster.create("build-x")
            let pod = try await cluster.pod(ofJob: "build-x", when: "buildkit", is: "running")
            async let followed = cluster.log(pod, "buildkit") { $0.follow = true }
            // Once it is being followed.
            while !cluster.standIn.requests.contains(where: { $0.query["follow"] == "true" }) { await Task.yield() }
            _ = try await cluster.client.deleteJob(named: "build-x", propagation: .foreground)
            #expect(try await followed.hasSuffix("build cancelled\n"))
            try await cluster.standIn.waitUntil("all is gone") { $0.jobNames.isEmpty }
            #expect(try await cluster.log(pod, "buildkit") == "no such pod")
        }
    }
}
