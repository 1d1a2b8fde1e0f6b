import Builds
import FoundationEssentials

extension BuilderConformance {
    static func success(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.succeeds)
        try require(try await scene.served(plan) == nil, "the tag is free at first")
        _ = try await scene.create(plan, with: builder)
        let build = try await scene.ended(plan.id, builder)
        try require(build.status == .succeeded, "the build succeeds", found: "\(build.status): \(build.message)")
        let served = try required(try await scene.served(plan), "a build that has succeeded is served")
        try require(
            build.digest == served, "the digest is what the registry serves: \(served)", found: build.digest as Any)
        try require(build.phase == nil, "a build that has ended has no phase", found: build.phase as Any)
        let commit = try required(build.git.commit, "the commit is known")
        try require(commit.utf8.count == 40 || commit.utf8.count == 64, "the commit is a full one", found: commit)
        let start = try required(build.startedAt, "its start is known")
        let finish = try required(build.finishedAt, "its end is known")
        try require(start <= finish, "it ends after it starts", found: (start, finish))
        let times = build.phaseTimes
        try require(
            times.map(\.phase).starts(with: [.cloning, .building]) && times.last?.phase == .verifying,
            "it has cloned, built and been verified", found: times)
        try require(
            times.allSatisfy { $0.endedAt.map { end in end <= finish } ?? false } && times[0].startedAt <= finish,
            "each phase has ended, the last one no later than the build", found: times)
        try require(build.progress == nil, "a build that has ended has no progress", found: build.progress as Any)
        let again = try await scene.harness.makeBuilder().build(plan.id)
        try require(again == build, "another process tells the same: \(build)", found: again as Any)
        let listed = try await builder.builds(of: scene.webapp)
        try require(listed == [build], "the list tells the same: \(build)", found: listed)
    }

    static func progress(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        var seen: [Build] = [try await scene.create(plan, with: builder)]
        func look() async throws -> Build {
            let build = try required(try await builder.build(plan.id), "the build does not vanish")
            // Asked after the build: what is called a success must have been served before.
            if build.status == .succeeded {
                try require(try await scene.served(plan) != nil, "a success is served")
            }
            if build != seen.last { seen.append(build) }
            return build
        }
        _ = try await scene.eventually("the build runs") { try await look().status == .running ? true : nil }
        try await scene.held(plan.id, builder)
        _ = try await look()
        try await scene.harness.release(plan.id)
        _ = try await scene.eventually("the build ends") { try await look().status.isFinal ? true : nil }

        func rank(_ build: Build) -> Int {
            switch build.status {
            case .queued: 0
            case .running: 1
            case .succeeded, .failed, .cancelled: 2
            }
        }
        let ranks = seen.map(rank)
        try require(ranks == ranks.sorted(), "queued, running, ended, in this order", found: seen.map(\.status))
        let phases = seen.compactMap(\.phase).compactMap(Build.Phase.allCases.firstIndex)
        try require(phases == phases.sorted(), "the phases come in their order", found: seen.map(\.phase))
        try require(
            seen.allSatisfy { $0.phase == nil || $0.status == .running }, "only a running build has a phase",
            found: seen.map { ($0.status, $0.phase) })
        let steps = seen.compactMap(\.progress)
        try require(
            steps.map(\.step) == steps.map(\.step).sorted(), "the steps come in their order", found: steps)
        try require(
            seen.allSatisfy { $0.progress == nil || $0.status == .running }, "only a running build has progress",
            found: seen.map { ($0.status, $0.progress) })
    }

    static func failure(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.fails)
        _ = try await scene.create(plan, with: builder)
        let build = try await scene.ended(plan.id, builder)
        try require(build.status == .failed, "the build fails", found: "\(build.status): \(build.message)")
        let text = scene.harness.failureText
        try require(build.message.contains(text), "the message says \"\(text)\"", found: build.message)
        try require(!build.message.contains("\n"), "the message is one line", found: build.message)
        try require(build.finishedAt != nil, "its end is known")
        try require(try await scene.served(plan) == nil, "nothing was pushed")
        try require(build.digest == nil, "without an image no digest", found: build.digest as Any)
        let log = try await scene.text(plan.id, .soFar, builder)
        try require(log.contains(text), "the log says \"\(text)\"", found: log)
        try require(try await scene.isTaken(plan, for: builder), "one version never names two attempts at a time")
        let again = try await scene.harness.makeBuilder().build(plan.id)
        try require(again == build, "another process tells the same: \(build)", found: again as Any)
    }

    static func sideBySide(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let held = try await scene.plan(.holds, version: "v1.0.0")
        let quick = try await scene.plan(.succeeds, version: "v1.0.1")
        _ = try await scene.create(held, with: builder)
        try await scene.held(held.id, builder)
        _ = try await scene.create(quick, with: builder)
        let build = try await scene.ended(quick.id, builder)
        try require(build.status == .succeeded, "the second ends while the first still runs", found: build)
        try require(try await builder.build(held.id)?.status == .running, "the first still runs")
        try await scene.harness.release(held.id)
        _ = try await scene.ended(held.id, builder)
    }
}
