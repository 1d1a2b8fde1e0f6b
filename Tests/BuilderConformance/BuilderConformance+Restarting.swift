import Builds

extension BuilderConformance {
    static func restart(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let held = try await scene.plan(.holds, version: "v1.0.0")
        let done = try await scene.plan(.succeeds, version: "v1.0.1")
        _ = try await scene.create(held, with: builder)
        _ = try await scene.create(done, with: builder)
        let ended = try await scene.ended(done.id, builder)
        try await scene.held(held.id, builder)

        try await scene.harness.restart()

        let after = try await scene.harness.makeBuilder()
        let ids = Set(try await after.builds(of: scene.webapp).map(\.id))
        try require(ids == [held.id, done.id], "every build is found again", found: ids)
        try require(try await after.build(done.id) == ended, "the one that had ended is as it was")
        for plan in [held, done] {
            try require(try await scene.isTaken(plan, for: after), "\(plan.id) still has its name")
        }
        try await scene.harness.release(held.id)
        let build = try await scene.ended(held.id, after)
        // Builders whose work dies with them may lose a build that ran, but must say so, and must not have pushed it.
        switch build.status {
        case .succeeded:
            try require(build.digest == (try await scene.served(held)), "its digest is served", found: build)
        default:
            try require(
                build.status == .failed && !build.message.isEmpty, "it succeeded, or says why not", found: build)
            try require(try await scene.served(held) == nil, "a build that was lost has not pushed", found: build)
        }
    }
}
