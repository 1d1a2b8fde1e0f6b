import RegistryTesting
import Synchronization
import Testing

extension EndToEnd {
    @Suite("A storm")
    struct StormTests {
        private static let callers = 200
        /// Callers that begin once enough has been killed, however fast the others were answered.
        private static let lateCallers = 20

        /// Three services that share one state, on ports of their own, killed and started again at random moments.
        private final class Fleet: Sendable {
            private let scene: Scene
            private let ports: [Int]
            private let services: Mutex<[ServiceProcess]>
            let kills = Atomic(0)

            init(_ scene: Scene) async throws {
                self.scene = scene
                var ports: [Int] = []
                var services: [ServiceProcess] = []
                for number in 0..<3 {
                    ports.append(try LoopbackPort.free())
                    services.append(try await Self.start(scene, port: ports[number]))
                }
                self.ports = ports
                self.services = Mutex(services)
            }

            private static func start(_ scene: Scene, port: Int) async throws -> ServiceProcess {
                try await scene.service(["LISTEN": "127.0.0.1:\(port)"], name: "on-\(port)")
            }

            func url(of caller: Int, attempt: Int) -> String {
                "http://127.0.0.1:\(ports[(caller + attempt) % ports.count])"
            }

            /// Kills one after the other, in no order, until cancelled.
            ///
            /// Not without end: on a slow machine the callers would be answered by nobody within their attempts.
            func rage() async throws {
                var generator = SystemRandomNumberGenerator()
                while !Task.isCancelled, kills.load(ordering: .relaxed) < 40 {
                    let victim = Int.random(in: 0..<ports.count, using: &generator)
                    services.withLock { $0[victim] }.kill()
                    kills.add(1, ordering: .relaxed)
                    let successor = try await Self.start(scene, port: ports[victim])
                    services.withLock { $0[victim] = successor }
                    try await Task.sleep(for: .milliseconds(Int.random(in: 50...400, using: &generator)))
                }
            }

            /// Waits until some have been killed.
            func hasRaged() async throws {
                while kills.load(ordering: .relaxed) < 6 { try await Task.sleep(for: .milliseconds(20)) }
            }
        }

        @Test("200 callers, three services, kill -9 again and again: 200 different consecutive versions")
        func storm() async throws {
            try await Scene.play(["BUILD_CONCURRENCY": "1"]) { scene in
                let fleet = try await Fleet(scene)
                let tags = try await withThrowingTaskGroup(of: [String].self) { group in
                    group.addTask {
                        try await fleet.rage()
                        return []
                    }
                    group.addTask {
                        try await withThrowingTaskGroup(of: String.self) { callers in
                            for caller in 0..<Self.callers {
                                callers.addTask {
                                    if caller >= Self.callers - Self.lateCallers { try await fleet.hasRaged() }
                                    return try await Self.call(fleet, scene.client, caller)
                                }
                            }
                            return try await callers.reduce(into: []) { $0.append($1) }
                        }
                    }
                    // Killing has no tags to tell, and ends before or after the callers.
                    var tags: [String] = []
                    while tags.isEmpty, let result = try await group.next() { tags = result }
                    group.cancelAll()
                    return tags
                }
                #expect(Set(tags) == Set((0..<Self.callers).map { "v1.0.\($0)" }))
                #expect(tags.count == Self.callers)
                #expect(fleet.kills.load(ordering: .relaxed) > 5)
                // What the callers were told is what is kept.
                let last = try await scene.service(name: "last")
                let builds = try await last.get("/builds?webapp=app-example")["builds"]?.array ?? []
                #expect(Set(builds.compactMap { $0["tag"]?.string }) == Set(tags))
                #expect(builds.count == Self.callers)
            }
        }

        /// Asks for a build until somebody answers; the key makes that safe.
        private static func call(_ fleet: Fleet, _ client: HTTPClient, _ caller: Int) async throws -> String {
            for attempt in 0..<200 {
                do {
                    let answer = try await client.send(
                        "POST", fleet.url(of: caller, attempt: attempt) + "/builds",
                        headers: ["Content-Type: application/json", "Idempotency-Key: caller-\(caller)"],
                        body: #"{"webapp": "app-example"}"#, within: 30)
                    if answer.status == 200 || answer.status == 202, let tag = answer["tag"]?.string { return tag }
                    guard answer.status >= 500 else {
                        throw TestingError("caller \(caller) was refused with \(answer.status): \(answer.body)")
                    }
                } catch is HTTPClient.ConnectionFailure {
                    // Killed before, or while, it answered.
                }
                try await Task.sleep(for: .milliseconds(50 + 10 * (caller % 20)))
            }
            throw TestingError("caller \(caller) was never answered")
        }
    }
}
