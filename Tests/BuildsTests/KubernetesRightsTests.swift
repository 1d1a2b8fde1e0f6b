import FoundationEssentials
import KubernetesClient
import KubernetesStandIn
import Testing
import Yams

@testable import Builds

@Suite("What the service may do in its namespace")
struct KubernetesRightsTests {
    @Test("its Role has each right that it uses, and no other")
    func role() async throws {
        let used = try await usedRights()
        let granted = try grantedRights()
        #expect(used == granted, "used only: \(used.subtracting(granted)); granted only: \(granted.subtracting(used))")
        #expect(Set(ResourceAccess.neededByClient) == granted)
    }

    /// Everything that a service does: it starts, leads, builds, explains, shows logs and cancels.
    private func usedRights() async throws -> Set<ResourceAccess> {
        let registry = MemoryRegistry()
        let destination = KubernetesHarness.Destination(registry: registry) { try registry.push($0) }
        var used: Set<ResourceAccess> = []
        try await KubernetesHarness.run(destination: destination) { harness in
            let builder = try harness.kubernetesBuilder(now: { Date(timeIntervalSinceNow: 60) })
            try await builder.checkReadiness()
            let service = harness.start(builder)
            var plan = try kubernetesPlan("v1.0.0")
            plan.callbackURL = "https://n8n.example/"
            _ = try await builder.builds(of: nil)
            _ = try await builder.create(plan)
            for try await _ in builder.updates(of: plan.id) {}
            for try await _ in try #require(try await builder.log(of: plan.id, .soFar)) {}
            // A Pod that does not start: why is asked of the Events.
            harness.standIn.withSettings { $0.podQuota = 0 }
            var stuck = try kubernetesPlan("v1.0.1")
            stuck.callbackURL = "https://n8n.example/"
            _ = try await builder.create(stuck)
            try await harness.standIn.waitUntil("the Events were asked") { standIn in
                standIn.requests.contains { $0.target.contains("/events") }
            }
            _ = try await builder.cancel(stuck.id)
            try await eventually("both callbacks are over") {
                harness.standIn.jobNames.allSatisfy { harness.standIn.job($0)?["metadata"]?["finalizers"] == nil }
            }
            // Renewing and giving back the Lease.
            service.cancel()
            await service.value
            used = harness.standIn.usedAccess
        }
        // Everybody may ask what they may do.
        return used.filter { $0.resource != "selfsubjectaccessreviews" }
    }

    private func grantedRights() throws -> Set<ResourceAccess> {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../deploy/kubernetes/rbac-registry-query.yaml")
        let role = try #require(
            try Yams.compose_all(yaml: String(contentsOf: file, encoding: .utf8)).lazy
                .compactMap { try? JSONValue(yaml: $0) }.first { $0["kind"]?.string == "Role" })
        var rights: Set<ResourceAccess> = []
        for rule in role["rules"]?.array ?? [] {
            for group in rule["apiGroups"]?.array ?? [] {
                for resource in rule["resources"]?.array ?? [] {
                    let parts = (resource.string ?? "").split(separator: "/").map(String.init)
                    for verb in rule["verbs"]?.array ?? [] {
                        rights.insert(
                            ResourceAccess(
                                verb: verb.string ?? "", group: group.string ?? "", resource: parts[0],
                                subresource: parts.count > 1 ? parts[1] : nil))
                    }
                }
            }
        }
        return rights
    }
}
