import Builds
import Synchronization

extension BuilderConformance {
    static func updatesToTheEnd(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let other = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        let album = Album()
        async let seen = Self.collect(other.updates(of: plan.id), in: album)
        try await scene.held(plan.id, builder)
        _ = try await scene.eventually("it is seen to run") { album.hasSeen(.running) ? true : nil }
        try await scene.harness.release(plan.id)
        let ended = try await scene.ended(plan.id, builder)
        let states = try await seen
        try require(states.last == ended, "the last state is the end: \(ended)", found: states.last as Any)
        try require(states.dropLast().allSatisfy { !$0.status.isFinal }, "nothing follows the end", found: states)
        try require(
            zip(states, states.dropFirst()).allSatisfy { $0 != $1 }, "each state is another one", found: states)
        let again = try await Self.collect(builder.updates(of: plan.id))
        try require(again == [ended], "of a build that has ended there is one state", found: again)
    }

    static func updatesOfCancelled(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        let album = Album()
        async let seen = Self.collect(builder.updates(of: plan.id), in: album)
        try await scene.held(plan.id, builder)
        _ = try await scene.eventually("it is seen to run") { album.hasSeen(.running) ? true : nil }
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

    /// Looks on while `body` runs; answers what was told of the scene's webapp, without what was told for another's sake.
    private static func lookOn(
        _ scene: Scene, with builder: any Builder, _ body: (Album) async throws -> Void
    ) async throws -> [[Build]] {
        let seen = Album()
        let webapp = scene.webapp
        let looking = Task {
            for try await builds in builder.snapshots() { seen.add(builds.filter { $0.webapp == webapp }) }
        }
        defer { looking.cancel() }
        try await body(seen)
        return seen.all
    }

    static func snapshots(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let other = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        var ended: Build?
        let seen = try await lookOn(scene, with: builder) { seen in
            _ = try await scene.eventually("something is told at once") { seen.all.isEmpty ? nil : true }
            _ = try await scene.create(plan, with: other)
            try await scene.held(plan.id, other)
            _ = try await scene.eventually("the build is told of") {
                seen.all.last?.first?.status == .running ? true : nil
            }
            try await scene.harness.release(plan.id)
            ended = try await scene.ended(plan.id, other)
            _ = try await scene.eventually("its end is told") { seen.all.last == ended.map { [$0] } ? true : nil }
        }
        let states = seen.compactMap(\.first)
        try require(seen.allSatisfy { $0.count <= 1 }, "a build is told of once at a time", found: seen)
        let ends = states.drop { !$0.status.isFinal }
        try require(ends.allSatisfy { $0.status.isFinal }, "nothing follows the end", found: states.map(\.status))
        var again = try await scene.harness.makeBuilder().snapshots().makeAsyncIterator()
        let first = try await again.next()?.filter { $0.webapp == scene.webapp }
        try require(first == ended.map { [$0] }, "whoever comes later is told at once how it is", found: first as Any)
    }

    static func snapshotsOfCancelled(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        _ = try await lookOn(scene, with: builder) { seen in
            try await scene.held(plan.id, builder)
            _ = try await scene.eventually("the build is told of") { seen.all.last?.isEmpty == false ? true : nil }
            _ = try await scene.harness.makeBuilder().cancel(plan.id)
            _ = try await scene.eventually("it is gone") { seen.all.last == [] ? true : nil }
        }
    }

    private static func collect(
        _ updates: AsyncThrowingStream<Build, any Error>, in album: Album = Album()
    ) async throws -> [Build] {
        var states: [Build] = []
        for try await state in updates {
            states.append(state)
            album.add([state])
        }
        return states
    }
}

/// What was told to somebody who looks on.
private final class Album: Sendable {
    private let pictures = Mutex<[[Build]]>([])

    var all: [[Build]] { pictures.withLock(\.self) }

    func hasSeen(_ status: Build.Status) -> Bool { all.contains { $0.contains { $0.status == status } } }

    /// Takes in what is not the same as before.
    func add(_ builds: [Build]) {
        pictures.withLock { pictures in if pictures.last != builds { pictures.append(builds) } }
    }
}
