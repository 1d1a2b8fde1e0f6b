import Builds
import OCIDistribution

extension BuilderConformance {
    static func cancel(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let other = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        try await scene.held(plan.id, builder)

        // All the time from the request on somebody tries to have the name.
        async let cancelled = other.cancel(plan.id)
        let again = try await scene.eventually("the name is free again") { () -> Build? in
            guard case .created(let build) = try await builder.create(plan) else { return nil }
            return build
        }
        // Were the first run still alive, there would be two in a moment.
        try await scene.held(plan.id, builder)
        try require(again.id == plan.id, "the name is used again", found: again.id)
        let build = try required(try await cancelled, "there was something to cancel")
        try require(
            build.status == .cancelled || build.status == .running, "the build is cancelled, or about to be",
            found: build)
        try require(try await scene.served(plan) == nil, "nothing was pushed")

        // The second attempt is one like any other.
        try await scene.harness.release(plan.id)
        let second = try await scene.ended(plan.id, builder)
        try require(second.status == .succeeded, "the second attempt succeeds", found: second)
    }

    static func cancelAtOnce(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        let build = try required(try await builder.cancel(plan.id), "there is something to cancel")
        try require(build.status == .cancelled || !build.status.isFinal, "it is cancelled", found: build)
        let again = try await scene.eventually("the name is free again") { () -> Build? in
            guard case .created(let build) = try await builder.create(plan) else { return nil }
            return build
        }
        try require(try await scene.harness.livingRuns(of: again.id) <= 1, "the first run is dead")
        try require(try await scene.served(plan) == nil, "nothing was pushed")
        _ = try await builder.cancel(plan.id)
    }

    static func cancelEnded(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        for behavior in [BuildBehavior.succeeds, .fails] {
            let plan = try await scene.plan(behavior, version: behavior == .succeeds ? "v1.0.0" : "v1.0.1")
            _ = try await scene.create(plan, with: builder)
            let ended = try await scene.ended(plan.id, builder)
            let answer = try await builder.cancel(plan.id)
            try require(answer == ended, "the answer is the build as it ended: \(ended)", found: answer as Any)
            let after = try await builder.build(plan.id)
            try require(after == ended, "the build is as it was: \(ended)", found: after as Any)
            try require(try await scene.isTaken(plan, for: builder), "its name is still taken")
            try require(try await scene.served(plan) == ended.digest, "the registry is as it was")
        }
    }

    static func cancelTwice(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let other = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        try await scene.held(plan.id, builder)
        async let first = builder.cancel(plan.id)
        async let second = other.cancel(plan.id)
        // Whoever comes after the end finds nothing, or the build that was cancelled.
        for build in [try await first, try await second].compactMap(\.self) {
            try require(build.status == .cancelled || build.status == .running, "it is cancelled", found: build)
        }
        _ = try await scene.eventually("nothing of it is alive") {
            try await scene.harness.livingRuns(of: plan.id) == 0 ? true : nil
        }
        try require(try await scene.served(plan) == nil, "nothing was pushed")
    }
}
