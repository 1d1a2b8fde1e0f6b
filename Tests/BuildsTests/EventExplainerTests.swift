import FoundationEssentials
import KubernetesClient
import KubernetesStandIn
import Synchronization
import Testing

@testable import Builds

@Suite("Why a build does not start, from the cluster's Events")
struct EventExplainerTests {
    private static func event(_ reason: String, _ message: String, type: String = "Warning") throws -> ClusterEvent {
        let when = try #require(Timestamp("2026-11-22T20:00:00Z"))
        return ClusterEvent(type: type, reason: reason, message: message, when: when)
    }

    @Test(
        "each says what a person would find out with kubectl, and what to do",
        arguments: [
            (
                "FailedMount",
                "MountVolume.SetUp failed for volume \"registry-credentials\" : "
                    + "secret \"registry-credentials\" not found",
                "kubectl -n build-system get secret registry-credentials"
            ),
            (
                "FailedMount", "MountVolume.SetUp failed for volume \"x\" : configmap \"ca\" not found",
                "make the ConfigMap ca in the namespace build-system"
            ),
            (
                "FailedCreate", "Error creating: pods \"b-1\" is forbidden: exceeded quota: builds, requested: pods=1",
                "wait until other builds have ended"
            ),
            (
                "FailedCreate", "Error creating: pods \"b-1\" is forbidden: violates PodSecurity \"baseline:latest\"",
                "pod-security.kubernetes.io/enforce"
            ),
            (
                "FailedCreate",
                "Error creating: pods \"b-1\" is forbidden: error looking up service account "
                    + "build-system/buildkit-sa: serviceaccount \"buildkit-sa\" not found",
                "make the service account"
            ),
            ("FailedScheduling", "0/1 nodes are available", "0/1 nodes are available"),
        ])
    func advice(_ reason: String, _ message: String, _ says: String) throws {
        let explanation = try #require(
            EventExplainer.explanation(in: [try Self.event(reason, message)], hasPod: false, "build-system"))
        #expect(explanation.contains(reason) && explanation.contains(says), "\(explanation)")
        #expect(!explanation.contains("\n"))
    }

    @Test("a Pod that is refused again, under another name, is the same trouble")
    func sameTrouble() throws {
        let explanations = try ["b-1-pxzzf", "b-1-k7wlm"].map { name in
            let said = "Error creating: pods \"\(name)\" is forbidden: exceeded quota: pods, requested: pods=1"
            return EventExplainer.explanation(in: [try Self.event("FailedCreate", said)], hasPod: false, "n")
        }
        #expect(explanations[0]?.contains("Error creating: the Pod is forbidden: exceeded quota: pods") == true)
        #expect(explanations[0] == explanations[1])
    }

    @Test("what is normal explains nothing, and a trouble only as long as it is the last that happened")
    func choice() throws {
        let normal = try Self.event("Scheduled", "Successfully assigned", type: "Normal")
        #expect(EventExplainer.explanation(in: [], hasPod: true, "n") == nil)
        #expect(EventExplainer.explanation(in: [normal], hasPod: true, "n") == nil)
        let troubles = [try Self.event("A", "first"), normal, try Self.event("B", "last")]
        #expect(EventExplainer.explanation(in: troubles, hasPod: true, "n")?.contains("B: last") == true)
        #expect(EventExplainer.explanation(in: troubles + [normal], hasPod: true, "n") == nil, "it is over")
    }

    private func stuck(
        _ allowed: Set<ResourceAccess> = Set(ResourceAccess.neededByClient),
        _ body: (KubernetesHarness, KubernetesJobBuilder, BuildPlan) async throws -> Void
    ) async throws {
        try await KubernetesHarness.run { harness in
            harness.standIn.withSettings { settings in
                settings.podQuota = 0
                settings.allowed = allowed
            }
            // The cluster's seconds are short: ten of the builder's are over at once.
            let builder = try harness.kubernetesBuilder(now: { Date(timeIntervalSinceNow: 10) })
            let plan = try kubernetesPlan()
            _ = try await builder.create(plan)
            try await body(harness, builder, plan)
        }
    }

    private func message(
        _ builder: KubernetesJobBuilder, _ id: BuildID, until holds: (String) -> Bool
    ) async throws -> String {
        var message = ""
        try await eventually("the build tells why it does not start") {
            message = try #require(try await builder.build(id)).message
            return holds(message)
        }
        return message
    }

    @Test("a quota that refuses the Pod is named, alone and in the list, and noted on the Job")
    func quota() async throws {
        try await stuck { harness, builder, plan in
            let message = try await message(builder, plan.id) { $0.contains("exceeded quota") }
            #expect(message.contains("exceeded quota") && message.contains("no Pod can be made for it"), "\(message)")
            try await eventually("the list tells the same") {
                try await builder.builds(of: nil).first?.message == message
            }
            let notes = harness.standIn.job(plan.id.description)?["metadata"]?["annotations"]
            #expect(notes?["registry-query/trouble"]?.string == message)
            // Asked once for all who look within a few seconds.
            let clock = ContinuousClock()
            let asked = harness.standIn.requests.count { $0.target.contains("/events") }
            let time = try await clock.measure { for _ in 0..<20 { _ = try await builder.build(plan.id) } }
            let most = asked + 1 + Int(time / .seconds(5))
            #expect(harness.standIn.requests.count { $0.target.contains("/events") } <= most)
        }
    }

    @Test("without the right to read Events the build is told as far as Job and Pod tell")
    func forbidden() async throws {
        let allowed = ResourceAccess.neededByClient.filter { $0.resource != "events" }
        try await stuck(Set(allowed)) { _, builder, plan in
            let message = try await message(builder, plan.id) { $0.contains("kubectl describe job") }
            #expect(message.contains("kubectl describe job"), "\(message)")
        }
    }
}
