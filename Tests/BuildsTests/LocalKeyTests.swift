import Logging
import RegistryTesting
import SemanticVersions
import SystemPackage
import Testing

@testable import Builds

@Suite("One idempotency key, one local build")
struct LocalKeyTests {
    private func builder(_ directory: TemporaryDirectory) -> LocalBuilder {
        LocalBuilder(
            stateDirectory: FilePath(directory.path), places: 1,
            worker: LocalBuilder.WorkerCommand(executable: "/bin/true", arguments: [], environment: [:]),
            logger: .silent)
    }

    private func creates(_ builder: LocalBuilder, _ plan: BuildPlan) async throws -> Bool {
        if case .created = try await builder.create(plan) { true } else { false }
    }

    @Test("of many processes that reserve different versions under one key exactly one does")
    func one() async throws {
        let directory = try TemporaryDirectory()
        let created = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<24 {
                group.addTask {
                    try await creates(
                        builder(directory), plan("v1.0.\(number)", webapp: "app-\(number % 2)", key: "key"))
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(created == 1)
        #expect(try await builder(directory).builds(of: nil).count == 1)
        #expect(try await creates(builder(directory), plan("v1.0.0", webapp: "app-2", key: "other")))
        #expect(try await creates(builder(directory), plan("v1.0.1", webapp: "app-2")))
        #expect(try await creates(builder(directory), plan("v1.0.2", webapp: "app-2")), "no key is no key in common")
    }

    @Test("whoever finds the key in other hands waits, or sees that its build is there")
    func waiting() async throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        try store.prepare()
        guard let lock = try store.reserving(withKey: "key") else {
            Issue.record("nobody else has it")
            return
        }
        let waiting = Task { try await creates(builder(directory), plan("v1.0.1", key: "key")) }
        #expect(try store.reserve(plan("v1.0.0", key: "key")))
        #expect(try await !waiting.value, "seen while the other has it still")
        _ = consume lock
        #expect(try store.all().map(\.version.tag) == ["v1.0.0"])
    }
}
