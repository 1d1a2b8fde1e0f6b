import FoundationEssentials
import HTTPTransport
import Testing

@testable import KubernetesClient
@testable import KubernetesStandIn

@Suite("The stand-in keeps the rules for Jobs", .timeLimit(.minutes(5)))
struct StandInJobTests {
    private func settings(_ script: PodScript, _ change: (inout StandInSettings) -> Void = { _ in }) -> StandInSettings
    {
        var settings = StandInSettings()
        settings.script = { _, _ in script }
        change(&settings)
        return settings
    }

    @Test("of 20 simultaneous creates of one name one succeeds, and 19 are told so")
    func oneName() async throws {
        try await TestCluster.run { cluster in
            let manifest = try cluster.manifest("build-x")
            let codes = await withTaskGroup(of: KubernetesError.Code?.self) { group in
                for _ in 0..<20 {
                    group.addTask { await kubernetesError { _ = try await cluster.client.createJob(manifest) }?.code }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.count { $0 == nil } == 1)
            #expect(codes.count { $0 == .alreadyExists } == 19)
            #expect(cluster.standIn.jobNames == ["build-x"])
        }
    }

    @Test("a dry run and a refused create leave nothing behind")
    func dryRun() async throws {
        try await TestCluster.run { cluster in
            let dry = try await cluster.client.createJob(
                try cluster.manifest("build-x"), isDryRun: true, validation: .strict)
            #expect(dry.job.metadata.name == "build-x")
            let unknown = try cluster.manifest("build-y") { $0["spec"]?["template"]?["spec"]?["comand"] = "x" }
            let error = await kubernetesError {
                _ = try await cluster.client.createJob(unknown, isDryRun: true, validation: .strict)
            }
            #expect(error?.code == .badRequest)
            #expect(error?.message.contains("unknown field \"spec.template.spec.comand\"") == true)
            #expect(cluster.standIn.jobNames == [])
            #expect(
                try await cluster.client.createJob(unknown).warnings == ["unknown field \"spec.template.spec.comand\""])
        }
    }

    @Test("a change on the basis of an old version is a conflict; a finalizer cannot come to a deleted Job")
    func conflicts() async throws {
        try await TestCluster.run(settings(.endless)) { cluster in
            let job = try await cluster.create("build-x", finalizers: ["a/b"])
            func annotate(_ version: String?) -> ObjectPatch {
                var patch: JSONValue = ["metadata": ["annotations": ["a": "b"]]]
                if let version { patch["metadata"]?["resourceVersion"] = .string(version) }
                return .merge(patch)
            }
            let changed = try await cluster.client.patchJob(named: "build-x", annotate(nil))
            #expect(changed.metadata.annotations["a"] == "b")
            func replace(_ old: JSONValue) -> ObjectPatch {
                .operations([
                    .test(path: "/metadata/annotations/a", value: old),
                    .replace(path: "/metadata/annotations/a", value: "c"),
                ])
            }
            let untrue = await kubernetesError {
                _ = try await cluster.client.patchJob(named: "build-x", replace("other"))
            }
            #expect(untrue?.code == .invalid)
            let replaced = try await cluster.client.patchJob(named: "build-x", replace("b"))
            #expect(replaced.metadata.annotations["a"] == "c")
            let stale = await kubernetesError {
                _ = try await cluster.client.patchJob(named: "build-x", annotate(job.metadata.resourceVersion))
            }
            #expect(stale?.code == .conflict)
            _ = try await cluster.client.deleteJob(named: "build-x", propagation: .background)
            let late = await kubernetesError {
                _ = try await cluster.client.patchJob(
                    named: "build-x", .operations([.add(path: "/metadata/finalizers/-", value: "c/d")]))
            }
            #expect(late?.code == .invalid)
        }
    }

    @Test("the deadline takes the Pod, and only then the Job has failed")
    func deadline() async throws {
        try await TestCluster.run(settings(.endless) { $0.second = .milliseconds(5) }) { cluster in
            try await cluster.create("build-x") { $0["spec"]?["activeDeadlineSeconds"] = 10 }
            guard case .failed("DeadlineExceeded", _) = try await cluster.outcome(of: "build-x") else {
                Issue.record("another end")
                return
            }
            #expect(cluster.standIn.podNames == [])
            let types = cluster.standIn.job("build-x")?["status"]?["conditions"]?.array?.map { $0["type"] }
            #expect(types == ["FailureTarget", "Failed"])
        }
    }

    @Test("a Pod that somebody deletes fails the Job; with a backoffLimit another one is tried")
    func podDeleted() async throws {
        var settings = settings(.endless)
        settings.script = { _, attempt in attempt == 2 ? .success() : .endless }
        try await TestCluster.run(settings) { cluster in
            try await cluster.create("build-x")
            let pod = try await cluster.pod(ofJob: "build-x", when: "buildkit", is: "running")
            cluster.standIn.deletePod(pod.metadata.name)
            guard case .failed("BackoffLimitExceeded", _) = try await cluster.outcome(of: "build-x") else {
                Issue.record("another end")
                return
            }
            try await cluster.create("build-y") { $0["spec"]?["backoffLimit"] = 1 }
            let first = try await cluster.pod(ofJob: "build-y", when: "buildkit", is: "running")
            cluster.standIn.deletePod(first.metadata.name)
            #expect(try await cluster.outcome(of: "build-y") == .complete)
        }
    }

    /// Takes a Job up again, if it is still the one with this uid.
    private func resume(_ uid: String?) throws -> ObjectPatch {
        .operations([
            .test(path: "/metadata/uid", value: .string(try #require(uid))),
            .replace(path: "/spec/suspend", value: false),
        ])
    }

    @Test("a suspended Job has no Pod until it is taken up again, by whoever knows its uid")
    func suspended() async throws {
        try await TestCluster.run { cluster in
            let created = try await cluster.create("build-x") { $0["spec"]?["suspend"] = true }
            try await cluster.standIn.waitUntil("the Job says that it is held back") {
                $0.job("build-x")?["status"]?["conditions"]?.array?.first?["type"] == "Suspended"
            }
            let held = try await cluster.client.job(named: "build-x")
            #expect(held.status.conditions.map(\.isTrue) == [true])
            #expect(held.status.startTime == nil && held.status.active == 0 && held.outcome == nil)
            #expect(cluster.standIn.podNames == [])
            let other = await kubernetesError {
                _ = try await cluster.client.patchJob(named: "build-x", try resume("another"))
            }
            #expect(other?.code == .invalid && other?.status == 422)
            #expect(try await cluster.client.job(named: "build-x").spec.suspend == true)
            let resumed = try await cluster.client.patchJob(named: "build-x", try resume(created.metadata.uid))
            #expect(resumed.spec.suspend == false)
            #expect(try await cluster.outcome(of: "build-x") == .complete)
            let ended = try await cluster.client.job(named: "build-x")
            #expect(ended.status.startTime != nil)
            let condition = ended.status.conditions.first
            #expect(condition?.type == "Suspended" && condition?.isTrue == false && condition?.reason == "JobResumed")
        }
    }

    @Test("a Job that is taken up again at once has one Pod, and one that is deleted meanwhile none")
    func resumedAtOnce() async throws {
        // Long seconds: the controller has not looked yet when the Jobs are taken up again.
        try await TestCluster.run(settings(.unschedulable) { $0.second = .seconds(2) }) { cluster in
            for name in ["build-a", "build-b", "build-c"] {
                let job = try await cluster.create(name) { $0["spec"]?["suspend"] = true }
                _ = try await cluster.client.patchJob(named: name, try resume(job.metadata.uid))
            }
            try await cluster.create("build-x", finalizers: ["a/b"]) { $0["spec"]?["suspend"] = true }
            _ = try await cluster.client.deleteJob(named: "build-x", propagation: .background)
            _ = try await cluster.client.patchJob(named: "build-x", .merge(["spec": ["suspend": false]]))
            // Once it has come to these it has looked at all before them.
            try await cluster.create("build-z")
            try await cluster.standIn.waitUntil("the others have a Pod") { standIn in
                ["build-a", "build-b", "build-c", "build-z"].allSatisfy { !standIn.pods(ofJob: $0).isEmpty }
            }
            let pods = ["build-a", "build-b", "build-c", "build-x"].map { cluster.standIn.pods(ofJob: $0).count }
            #expect(pods == [1, 1, 1, 0])
        }
    }

    @Test("quota, Pod Security and missing rights refuse")
    func refusals() async throws {
        try await TestCluster.run { cluster in
            cluster.standIn.withSettings { $0.jobQuota = 1 }
            try await cluster.create("build-x")
            #expect(await kubernetesError { try await cluster.create("build-y") }?.code == .quotaExceeded)
            cluster.standIn.withSettings {
                $0.jobQuota = nil
                $0.podQuota = 0
            }
            try await cluster.create("build-z")
            try await cluster.standIn.waitUntil("the controller has tried") {
                $0.job("build-z")?["status"]?["startTime"] != nil
            }
            let job = try await cluster.client.job(named: "build-z")
            #expect(job.status.active == 0 && job.outcome == nil)
            #expect(cluster.standIn.pods(ofJob: "build-z").isEmpty)

            cluster.standIn.withSettings { _ = $0.allowed.remove(ResourceAccess("create", .jobs)) }
            let error = await kubernetesError { try await cluster.create("build-w") }
            #expect(error?.code == .forbidden)
            #expect(error?.message.contains("cannot create resource \"jobs\" in API group \"batch\"") == true)
            #expect(try await cluster.client.decision(on: ResourceAccess("create", .jobs)).isAllowed == false)
            #expect(try await cluster.client.decision(on: ResourceAccess("get", .jobs)).isAllowed)

            let token = cluster.standIn.token
            cluster.standIn.withSettings { $0.tokens[token] = nil }
            #expect(await kubernetesError { _ = try await cluster.client.jobs() }?.code == .unauthorized)
        }
    }

    @Test("pages stay one moment, and start over when they expire")
    func pages() async throws {
        var limits = KubernetesClient.Limits()
        limits.pageSize = 2
        try await TestCluster.run(settings(.unschedulable), limits: limits) { cluster in
            for index in 0..<5 { try await cluster.create("build-\(index)") }
            #expect(try await cluster.client.jobs().items.map(\.metadata.name) == (0..<5).map { "build-\($0)" })
            // After the first page everything is forgotten and a Job is added.
            let standIn = cluster.standIn
            let extra = try cluster.manifest("build-9")
            standIn.inject(.delay(.milliseconds(1))) { request in
                guard request.query["continue"] != nil else { return false }
                standIn.store(extra, kind: .jobs)
                standIn.compact()
                return true
            }
            #expect(
                try await cluster.client.jobs().items.map(\.metadata.name) == [0, 1, 2, 3, 4, 9].map { "build-\($0)" })
        }
    }

    @Test("a Lease goes to one of two")
    func lease() async throws {
        try await TestCluster.run { cluster in
            func lease(_ holder: String) -> Lease {
                Lease(
                    metadata: ObjectMeta(name: "registry-query"),
                    spec: Lease.Spec(
                        holderIdentity: holder, leaseDurationSeconds: 15, renewTime: MicroTime(.init())))
            }
            #expect(
                await kubernetesError { _ = try await cluster.client.lease(named: "registry-query") }?.code == .notFound
            )
            let created = try await cluster.client.createLease(lease("a"))
            #expect(
                await kubernetesError { _ = try await cluster.client.createLease(lease("b")) }?.code == .alreadyExists)
            var mine = created
            mine.spec.holderIdentity = "b"
            let renewed = try await cluster.client.updateLease(mine)
            #expect(renewed.spec.holderIdentity == "b")
            var late = created
            late.spec.holderIdentity = "c"
            #expect(await kubernetesError { _ = try await cluster.client.updateLease(late) }?.code == .conflict)
            late.metadata.resourceVersion = nil
            #expect(await kubernetesError { _ = try await cluster.client.updateLease(late) }?.code == .invalid)
            #expect(try await cluster.client.lease(named: "registry-query") == renewed)
        }
    }
}
