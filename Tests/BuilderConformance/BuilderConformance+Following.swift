import Builds
import Synchronization

extension BuilderConformance {
    static func updatesToTheEnd(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let other = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        async let seen = Self.collect(other.updates(of: plan.id))
        try await scene.held(plan.id, builder)
        try await scene.harness.release(plan.id)
        let ended = try await scene.ended(plan.id, builder)
        let states = try await seen
        try require(states.last == ended, "the last state is the end: \(ended)", found: states.last as Any)
        try require(states.dropLast().allSatisfy { !$0.status.isFinal }, "nothing follows the end", found: states)
        try require(
            zip(states, states.dropFirst()).allSatisfy { $0 != $1 }, "each state is another one", found: states)
        try require(states.contains { $0.status == .running }, "it is seen to run", found: states.map(\.status))
        let again = try await Self.collect(builder.updates(of: plan.id))
        try require(again == [ended], "of a build that has ended there is one state", found: again)
    }

    static func updatesOfCancelled(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        async let seen = Self.collect(builder.updates(of: plan.id))
        try await scene.held(plan.id, builder)
        _ = try await scene.harness.makeBuilder().cancel(plan.id)
        let states = try await seen
        try require(states.last?.status == .cancelled, "it ends as cancelled", found: states.map(\.status))
        try require(states.last?.digest == nil, "nothing was pushed", found: states.last as Any)
    }

    static func updatesOfUnknown(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let id = try await scene.plan(.succeeds).id
        do {
            let states = try await Self.collect(builder.updates(of: id))
            try require(false, "a build that does not exist has no states", found: states)
        } catch let error as BuildsError {
            try require(error.code == .buildUnknown, "the error says that there is none", found: error)
        }
    }

    static func endsAreTold(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let told = Mutex<Set<WebappName>>([])
        let watching = Task {
            await builder.run(as: .observer) { build in told.withLock { _ = $0.insert(build.webapp) } }
        }
        defer { watching.cancel() }
        // Another process has it built.
        let other = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.succeeds)
        _ = try await scene.create(plan, with: other)
        _ = try await scene.ended(plan.id, other)
        _ = try await scene.eventually("the end is told") {
            told.withLock { $0.contains(scene.webapp) } ? true : nil
        }
    }

    private static func collect(_ updates: AsyncThrowingStream<Build, any Error>) async throws -> [Build] {
        var states: [Build] = []
        for try await state in updates { states.append(state) }
        return states
    }
}
