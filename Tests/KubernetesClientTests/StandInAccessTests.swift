import KubernetesStandIn
import Testing

@testable import KubernetesClient

@Suite("The stand-in knows which rights are used, and refuses each that is missing", .timeLimit(.minutes(5)))
struct StandInAccessTests {
    typealias Call = @Sendable (KubernetesClient) async throws -> Void

    private static func access(_ verb: String, _ kind: ResourceKind, _ subresource: String? = nil) -> ResourceAccess {
        ResourceAccess(verb, kind, subresource)
    }

    private static func lease() -> Lease {
        var lease = Lease(metadata: ObjectMeta(name: "registry-query"), spec: Lease.Spec(holderIdentity: "a"))
        lease.metadata.resourceVersion = "1"
        return lease
    }

    /// A call for each right.
    static let calls: [(right: ResourceAccess, call: Call)] = [
        (access("create", .jobs), { _ = try await $0.createJob(["apiVersion": "batch/v1", "kind": "Job"]) }),
        (access("get", .jobs), { _ = try await $0.job(named: "build-x") }),
        (access("list", .jobs), { _ = try await $0.jobs() }),
        (access("watch", .jobs), { _ = try await $0.watchJobs(WatchOptions(from: "0")) }),
        (
            access("delete", .jobs),
            { _ = try await $0.deleteJob(named: "build-x", propagation: .foreground, uid: "another") }
        ),
        (access("patch", .jobs), { _ = try await $0.patchJob(named: "build-x", .merge([:])) }),
        (access("list", .pods), { _ = try await $0.pods() }),
        (access("watch", .pods), { _ = try await $0.watchPods(WatchOptions(from: "0")) }),
        (
            access("get", .pods, "log"),
            { client in
                guard case .noSuchPod = try await client.log(ofPod: "pod", LogOptions(container: "buildkit")) else {
                    throw Unexpected()
                }
            }
        ),
        (access("create", .leases), { _ = try await $0.createLease(lease()) }),
        (access("get", .leases), { _ = try await $0.lease(named: "registry-query") }),
        (access("update", .leases), { _ = try await $0.updateLease(lease()) }),
        (access("list", .events), { _ = try await $0.events(about: "some-uid") }),
        (.tokenReviews, { _ = try await $0.review(token: "eyJ.eyJ.x", audiences: []) }),
    ]

    private struct Unexpected: Error {}

    @Test("every right of the client is on the list")
    func complete() {
        #expect(Set(Self.calls.map(\.right)) == Set(ResourceAccess.neededByClient + [.tokenReviews]))
    }

    @Test("a call needs its right and no other, and is counted as using it", arguments: 0..<calls.count)
    func right(_ index: Int) async throws {
        let (right, call) = Self.calls[index]
        try await TestCluster.run { cluster in
            cluster.standIn.withSettings { $0.allowed = [right] }
            let allowed = await kubernetesError { try await call(cluster.client) }
            #expect(allowed?.code != .forbidden)
            #expect(cluster.standIn.usedAccess == [right])
            cluster.standIn.withSettings { $0.allowed = Set(Self.calls.map(\.right)).subtracting([right]) }
            let refused = await kubernetesError { try await call(cluster.client) }
            #expect(refused?.code == .forbidden && refused?.status == 403)
            #expect(refused?.operation.access == right)
            #expect(refused?.message.contains("cannot \(right.verb) resource") == true)
        }
    }

    @Test("what needs no right uses none; what is used adds up")
    func used() async throws {
        try await TestCluster.run { cluster in
            try await cluster.client.checkReadiness()
            _ = try await cluster.client.decision(on: ResourceAccess("create", .jobs))
            #expect(cluster.standIn.usedAccess == [])
            _ = try await cluster.client.jobs()
            _ = try await cluster.client.pods()
            _ = try await cluster.client.jobs()
            #expect(cluster.standIn.usedAccess == [ResourceAccess("list", .jobs), ResourceAccess("list", .pods)])
        }
    }
}
