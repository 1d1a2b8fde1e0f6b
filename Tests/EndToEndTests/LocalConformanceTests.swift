import BuilderConformance
import Testing

extension EndToEnd {
    @Suite("The local builder keeps the contract of builders")
    struct LocalConformanceTests {
        @Test("with real git, buildah and registry, everything at the same time")
        func conforms() async throws {
            try await LocalHarness.run { harness in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for rule in BuilderConformance.all where !rule.restarts {
                        group.addTask { try await rule.check(harness) }
                    }
                    try await group.waitForAll()
                }
            }
        }

        @Test("across a restart", arguments: BuilderConformance.all.filter(\.restarts))
        func conformsAcrossRestart(rule: BuilderConformance) async throws {
            try await LocalHarness.run { harness in try await rule.check(harness) }
        }
    }
}
