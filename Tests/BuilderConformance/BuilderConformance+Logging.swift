import Builds

extension BuilderConformance {
    static func logWhileRunning(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let other = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        try await scene.held(plan.id, other)
        let early = try await scene.text(plan.id, .soFar, builder)
        try await scene.harness.release(plan.id)
        _ = try await scene.ended(plan.id, builder)
        let late = try await scene.text(plan.id, .soFar, other)
        try require(late.hasPrefix(early), "the log only grows; it was:\n\(early)", found: late)
        try scene.requireLandmarks(in: late)
    }

    static func following(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        // Begun before anything of the build has started.
        let log = try required(try await builder.log(of: plan.id, .following), "a build that is queued has a log")
        async let followed = Scene.text(log)
        try await scene.held(plan.id, builder)
        try await scene.harness.release(plan.id)
        let text = try await followed
        let build = try await scene.ended(plan.id, builder)
        try require(build.status == .succeeded, "the build succeeds", found: build)
        try scene.requireLandmarks(in: text)
        let whole = try await scene.text(plan.id, .soFar, builder)
        try require(text == whole, "what was followed is the whole log:\n\(whole)", found: text)
    }

    static func followingEnded(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.succeeds)
        _ = try await scene.create(plan, with: builder)
        _ = try await scene.ended(plan.id, builder)
        let text = try await scene.text(plan.id, .following, builder)
        try scene.requireLandmarks(in: text)
        try require(
            text == (try await scene.text(plan.id, .soFar, builder)), "both extents bring the same", found: text)
    }

    static func followingCancelled(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        try await scene.held(plan.id, builder)
        let log = try required(try await builder.log(of: plan.id, .following), "a build that runs has a log")
        let landmark = scene.harness.logLandmarks.first ?? ""
        var bytes: [UInt8] = []
        // Ends with the build, which is cancelled once what was written before is there.
        for try await chunk in log {
            let wasThere = String(decoding: bytes, as: UTF8.self).contains(landmark)
            bytes += chunk
            guard !wasThere, String(decoding: bytes, as: UTF8.self).contains(landmark) else { continue }
            _ = try await builder.cancel(plan.id)
        }
        try require(String(decoding: bytes, as: UTF8.self).contains(landmark), "what was written before is there")
    }
}
