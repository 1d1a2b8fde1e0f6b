import HTTPTransport
import KubernetesStandIn
import Testing

@testable import KubernetesClient

@Suite("What the cluster has to say about an object", .timeLimit(.minutes(5)))
struct ClusterEventTests {
    private static let uid = "d97e0fb2-236b-4474-bbf1-b11fc5de45e9"

    @Test("recorded events are read, and asked for by uid, fifty at most")
    func recorded() async throws {
        let transport = try Recording("events-no-pod-quota").transport()
        let events = try await client(transport).events(about: Self.uid)
        #expect(events.map(\.reason) == ["FailedCreate", "FailedCreate"])
        #expect(events.map(\.type) == ["Warning", "Warning"])
        #expect(events.map(\.when.description) == ["2026-11-22T09:25:21Z", "2026-11-22T09:25:22Z"])
        #expect(events.allSatisfy { $0.count == 1 && $0.message.contains("exceeded quota: pods") })
        let request = try #require(transport.requests.first)
        #expect(
            request.url.withoutQuery == "https://api.example:6443/api/v1/namespaces/build-system/events")
        #expect(
            decodedQuery(request.url.pathAndQuery).map { "\($0.0)=\($0.1)" }
                == ["fieldSelector=involvedObject.uid=\(Self.uid)", "limit=50"])
        #expect(transport.requests.count == 1)
    }

    static let times: [(String, count: Int, when: String)] = [
        (#""lastTimestamp":"2026-01-01T00:00:09Z","count":7"#, 7, "2026-01-01T00:00:09Z"),
        (#""lastTimestamp":null,"eventTime":"2026-01-01T00:00:05.123456Z""#, 1, "2026-01-01T00:00:05Z"),
        (
            #""eventTime":"2026-01-01T00:00:05.123456Z","series":{"count":3,"lastObservedTime":"2026-01-01T00:00:08.1Z"}"#,
            3, "2026-01-01T00:00:08Z"
        ),
        (#""eventTime":null"#, 1, "2026-01-01T00:00:01Z"),
    ]

    @Test("times and counts are where the interfaces for events put them", arguments: 0..<times.count)
    func time(_ index: Int) async throws {
        let (fields, count, when) = Self.times[index]
        let item = #"{"metadata":{"creationTimestamp":"2026-01-01T00:00:01Z"},"reason":"R","message":"M",\#(fields)}"#
        let event = try #require(try await events("[\(item)]").first)
        #expect(event.count == count)
        #expect(event.when.description == when)
        #expect(event.reason == "R" && event.message == "M" && event.type == "")
    }

    private func events(_ items: String) async throws -> [ClusterEvent] {
        let body = #"{"kind":"EventList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":\#(items)}"#
        return try await client(PieceTransport(body: Array(body.utf8))).events(about: Self.uid)
    }

    @Test("the newest comes last; without any there are none")
    func order() async throws {
        func item(_ second: Int, _ reason: String) -> String {
            #"{"metadata":{},"reason":"\#(reason)","lastTimestamp":"2026-01-01T00:00:0\#(second)Z"}"#
        }
        let sorted = try await events("[\(item(3, "c")),\(item(1, "a")),\(item(3, "d")),\(item(2, "b"))]")
        #expect(sorted.map(\.reason) == ["a", "b", "c", "d"])
        #expect(try await events("null") == [])
    }

    @Test("an event without any time is malformed")
    func timeless() async throws {
        #expect(await kubernetesError { _ = try await events(#"[{"metadata":{}}]"#) }?.code == .malformedAnswer)
    }

    @Test(
        "what is no uid is not sent",
        arguments: ["", "a,involvedObject.kind=Pod", "a=b", "a b", "ä", String(repeating: "a", count: 129)])
    func noUID(_ uid: String) async throws {
        let transport = PieceTransport(body: [])
        #expect(await kubernetesError { _ = try await client(transport).events(about: uid) }?.code == .invalid)
        #expect(transport.requests.isEmpty)
    }

    /// What happens to a build, and what is said about its Job and its Pod then.
    static let troubles: [(PodScript, job: [String], pod: [String])] = [
        (
            .unschedulable, ["Normal SuccessfulCreate Created pod: POD"],
            [
                "Warning FailedScheduling 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. "
                    + "no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for "
                    + "scheduling."
            ]
        ),
        (
            .missingSecretVolume, ["Normal SuccessfulCreate Created pod: POD"],
            [
                "Normal Scheduled Successfully assigned build-system/POD to node-1",
                "Warning FailedMount MountVolume.SetUp failed for volume \"registry-credentials\" : secret "
                    + "\"registry-credentials\" not found",
            ]
        ),
        (
            .missingVolume("buildkitd-config"), ["Normal SuccessfulCreate Created pod: POD"],
            [
                "Normal Scheduled Successfully assigned build-system/POD to node-1",
                "Warning FailedMount MountVolume.SetUp failed for volume \"buildkitd-config\" : configmap \"buildkitd\" "
                    + "not found",
            ]
        ),
        (
            .missingSecretVariable, ["Normal SuccessfulCreate Created pod: POD"],
            [
                "Normal Scheduled Successfully assigned build-system/POD to node-1",
                "Warning Failed Error: secret \"nosuch\" not found",
            ]
        ),
        (
            .imagePullBackOff, ["Normal SuccessfulCreate Created pod: POD"],
            [
                "Normal Scheduled Successfully assigned build-system/POD to node-1",
                "Warning Failed Failed to pull image \"IMAGE\": rpc error: code = NotFound desc = failed to pull and unpack "
                    + "image \"registry.example/tools/buildkit:v9.9.9\": failed to resolve image: "
                    + "registry.example/tools/buildkit:v9.9.9: not found",
                "Warning Failed Error: ErrImagePull", "Normal BackOff Back-off pulling image \"IMAGE\"",
                "Warning Failed Error: ImagePullBackOff",
            ]
        ),
        (
            .evicted, ["Normal SuccessfulCreate Created pod: POD"],
            [
                "Normal Scheduled Successfully assigned build-system/POD to node-1",
                "Warning Evicted Usage of EmptyDir volume \"workspace\" exceeds the limit \"1Mi\". ",
            ]
        ),
    ]

    /// What is said about an object, once it is as much.
    private func events(_ cluster: TestCluster, about uid: String, atLeast count: Int) async throws -> [ClusterEvent] {
        while true {
            let events = try await cluster.client.events(about: uid)
            if events.count >= count { return events }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test("the stand-in's controllers and node say what real ones say", arguments: 0..<troubles.count)
    func trouble(_ index: Int) async throws {
        let (script, jobEvents, podEvents) = Self.troubles[index]
        var settings = StandInSettings()
        settings.script = { _, _ in script }
        try await TestCluster.run(settings) { cluster in
            let job = try await cluster.create("build-x")
            try await cluster.standIn.waitUntil("there is a Pod") { !$0.podNames.isEmpty }
            let pod = try #require(try await cluster.client.pods().items.first)
            let image = pod.spec.containers.first?.image ?? ""
            for (uid, expected) in [(job.metadata.uid, jobEvents), (pod.metadata.uid, podEvents)] {
                let uid = try #require(uid)
                let told = try await events(cluster, about: uid, atLeast: expected.count).map {
                    "\($0.type) \($0.reason) \($0.message)"
                }
                #expect(
                    told.sorted()
                        == expected.map { text in
                            text.split(separator: "POD", omittingEmptySubsequences: false)
                                .joined(separator: pod.metadata.name)
                                .split(separator: "IMAGE", omittingEmptySubsequences: false).joined(separator: image)
                        }.sorted())
            }
        }
    }

    @Test("a Pod that may not be made is told of on the Job, try after try, until it may")
    func refusedPod() async throws {
        var settings = StandInSettings()
        settings.podQuota = 0
        try await TestCluster.run(settings) { cluster in
            let job = try await cluster.create("build-x")
            let uid = try #require(job.metadata.uid)
            let events = try await self.events(cluster, about: uid, atLeast: 2)
            let start = "Error creating: pods \"build-x-"
            #expect(events.allSatisfy { $0.reason == "FailedCreate" && $0.type == "Warning" })
            #expect(
                events.allSatisfy {
                    $0.message.hasPrefix(start)
                        && $0.message.hasSuffix(
                            "\" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=0, limited: pods=0")
                })
            // The recorded Job looked like this.
            let held = try await cluster.client.job(named: "build-x")
            #expect(held.status.active == 0 && held.status.startTime != nil && held.status.conditions == [])
            cluster.standIn.withSettings { $0.podQuota = 1 }
            #expect(try await cluster.outcome(of: "build-x") == .complete)
            // One that has ended does not count, one that runs does.
            cluster.standIn.withSettings { $0.script = { _, _ in .endless } }
            try await cluster.create("build-y")
            _ = try await cluster.pod(ofJob: "build-y", when: "buildkit", is: "running")
            let waiting = try await cluster.create("build-z")
            let waitingUID = try #require(waiting.metadata.uid)
            let refused = try await self.events(cluster, about: waitingUID, atLeast: 1)
            #expect(refused.first?.message.contains("used: pods=1, limited: pods=1") == true)
            #expect(cluster.standIn.pods(ofJob: "build-z") == [])
        }
    }

    @Test("an event of the stand-in has the recorded shape")
    func shape() async throws {
        let recording = try Recording("events-no-pod-quota")
        var settings = StandInSettings()
        settings.podQuota = 0
        try await TestCluster.run(settings) { cluster in
            let job = try await cluster.create("build-no-pod")
            let uid = try #require(job.metadata.uid)
            _ = try await events(cluster, about: uid, atLeast: 1)
            let answer = try await cluster.replay(recording)
            #expect(answer.status == recording.status)
            let listed = try JSONValue(json: answer.body)
            #expect(listed["kind"] == "EventList")
            let found = try #require(listed["items"]?.array?.first)
            var recorded = try #require(recording.document?["items"]?.array?.first)
            recorded["metadata"]?["managedFields"] = nil
            #expect(Self.shape(found) == Self.shape(recorded))
        }
    }

    /// Every member by its path, with its value where that does not differ from case to case.
    private static func shape(_ value: JSONValue, at path: String = "") -> [String] {
        guard let members = value.object?.members else {
            let varies = ["uid", "resourceVersion", "imestamp", "name", "message"].contains(where: path.hasSuffix)
            return [varies ? path : "\(path) \(String(decoding: value.json(), as: UTF8.self))"]
        }
        return members.flatMap { shape($0.value, at: "\(path)/\($0.name)") }.sorted()
    }

    @Test("Pod Security is told of on the Job; whoever lacks the right is told so, and nothing else about the object")
    func podSecurity() async throws {
        var settings = StandInSettings()
        settings.warnsOfPodSecurity = true
        try await TestCluster.run(settings) { cluster in
            let job = try await cluster.create("build-x") { job in
                let path = ["spec", "template", "spec"]
                var pod = path.reduce(job) { $0[$1] ?? .null }
                var containers = pod["containers"]?.array ?? []
                containers[0]["securityContext"] = ["privileged": true]
                pod["containers"] = .array(containers)
                job["spec"]?["template"]?["spec"] = pod
            }
            let uid = try #require(job.metadata.uid)
            let events = try await self.events(cluster, about: uid, atLeast: 1)
            #expect(events.first?.reason == "FailedCreate")
            #expect(
                events.first?.message.contains("violates PodSecurity \"baseline:latest\": privileged (container")
                    == true)
            #expect(try await cluster.client.events(about: "another-uid") == [])
            cluster.standIn.withSettings { _ = $0.allowed.remove(ResourceAccess("list", .events)) }
            let error = await kubernetesError { _ = try await cluster.client.events(about: uid) }
            #expect(error?.code == .forbidden)
            #expect(error?.message.contains("cannot list resource \"events\" in API group \"\"") == true)
        }
    }
}
