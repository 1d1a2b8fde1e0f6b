import FoundationEssentials
import KubernetesClient
import KubernetesStandIn
import Synchronization
import Testing

@testable import Builds

@Suite("One of several processes leads")
struct LeaderElectionTests {
    private static let times = LeaderElection.Times(
        lease: .seconds(6), renewal: .seconds(4), interval: .milliseconds(100))

    /// Who renews late is still in time.
    private static let unhurried = LeaderElection.Times(
        lease: .seconds(600), renewal: .seconds(300), interval: .milliseconds(100))

    /// Who leads, as those who lead tell it.
    private final class Record: Sendable {
        private let state = Mutex<(now: Set<String>, ever: [String])>(([], []))

        var now: Set<String> { state.withLock(\.now) }
        var ever: [String] { state.withLock(\.ever) }

        func lead(_ name: String) async {
            state.withLock { state in
                state.now.insert(name)
                state.ever.append(name)
                #expect(state.now.count == 1, "two lead at once: \(state.now)")
            }
            try? await Task.sleep(for: .seconds(3600))
            state.withLock { _ = $0.now.remove(name) }
        }
    }

    private func election(
        _ harness: KubernetesHarness, _ name: String, times: LeaderElection.Times = times
    ) throws -> LeaderElection {
        LeaderElection(
            client: try harness.kubernetesBuilder().client, name: "registry-query", identity: name,
            clock: ContinuousClock(), now: { Date() }, logger: .silent, times: times)
    }

    @Test("of three exactly one leads, and the next one at once when it goes")
    func oneOfThree() async throws {
        try await KubernetesHarness.run { harness in
            let record = Record()
            let processes = try Dictionary(
                uniqueKeysWithValues: ["a", "b", "c"].map { name in
                    let election = try election(harness, name, times: Self.unhurried)
                    return (name, Task { await election.run { _ in await record.lead(name) } })
                })
            for count in 1...3 {
                try await eventually("one leads") {
                    record.now.count == 1 && record.ever.count == count
                }
                let name = try #require(record.now.first)
                processes[name]?.cancel()
                await processes[name]?.value
            }
            #expect(Set(record.ever) == ["a", "b", "c"], "each in its turn: \(record.ever)")
            #expect(try await harness.leader() == nil, "the last one gives the Lease back")
        }
    }

    @Test("a leader that cannot renew stops before another may begin")
    func cutOff() async throws {
        try await KubernetesHarness.run { harness in
            let record = Record()
            let first = try election(harness, "first")
            let leadership = Mutex<Leadership?>(nil)
            let process = Task {
                await first.run { held in
                    leadership.withLock { $0 = held }
                    await record.lead("first")
                }
            }
            try await eventually("it leads") { record.now == ["first"] }
            #expect(leadership.withLock { $0?.lasts(.milliseconds(100)) } == true)
            #expect(leadership.withLock { $0?.lasts(.seconds(7)) } == false, "not beyond the Lease")
            // From now on nothing of its reaches the API server, while the second's requests do.
            harness.standIn.inject(.dropRequest, times: 1_000_000) { request in
                request.target.contains("/leases") && request.method == "PUT"
                    && String(decoding: request.body, as: UTF8.self).contains("\"first\"")
            }
            let second = try election(harness, "second")
            let other = Task { await second.run { _ in await record.lead("second") } }
            try await eventually("the other leads") { record.now == ["second"] }
            #expect(leadership.withLock { $0?.lasts(.zero) } == false)
            process.cancel()
            other.cancel()
            await process.value
            await other.value
        }
    }

    @Test("a lost answer to a renewal costs nothing", arguments: [Fault.dropAnswer, .dropRequest, .html(502)])
    func lostAnswers(_ fault: Fault) async throws {
        try await KubernetesHarness.run { harness in
            let record = Record()
            let election = try election(
                harness, "first", times: .init(lease: .seconds(90), renewal: .seconds(60), interval: .milliseconds(100))
            )
            let process = Task { await election.run { _ in await record.lead("first") } }
            try await eventually("it leads") { record.now == ["first"] }
            let before = harness.standIn.requests.count
            harness.standIn.inject(fault, times: 2) { $0.target.contains("/leases") && $0.method == "PUT" }
            try await eventually("it has renewed some times") {
                harness.standIn.requests.count > before + 10
            }
            #expect(record.ever == ["first"], "it has led without a break")
            process.cancel()
            await process.value
        }
    }
}
